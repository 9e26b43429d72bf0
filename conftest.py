"""Makes `pytest --nbmake notebooks` run chapters as tests/chapters describes, from any folder."""

pytest_plugins = ["tests.chapters.plugin"]
