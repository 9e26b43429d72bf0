"""Makes `pytest --nbmake notebooks` run chapters as tests/chapter_plugin does, from any folder."""

pytest_plugins = ["tests.chapter_plugin.plugin"]
