"""Documents, chapters and parts are read from _toc.yml as Jupyter Book reads it."""

from table_of_contents import chapters_of_the_book, documents_of_the_book, notebooks

TOC = """\
format: jb-book
root: book/index
parts:
  - caption: One
    chapters:
      - file: notebooks/one/first
        sections:
          - file: notebooks/one/within
      - url: https://example.com
  - caption: Two
    chapters:
      - file: book/text
      - file: notebooks/two/not_written
"""


def test_pages_come_in_reading_order_and_chapters_with_their_part(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "notebooks/one").mkdir(parents=True)
    names = ["notebooks/one/first", "notebooks/one/within", "notebooks/two/not_written"]
    paths = [tmp_path / f"{name}.ipynb" for name in names]
    for path in paths[:2]:
        path.touch()
    assert documents_of_the_book(tmp_path) == ["book/index", *names[:2], "book/text", names[2]]
    assert chapters_of_the_book(tmp_path) == {*paths}
    assert [*notebooks(tmp_path)] == [(names[0], paths[0], "One"), (names[1], paths[1], "One")]
