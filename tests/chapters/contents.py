"""What the book consists of, as _toc.yml says."""

from pathlib import Path

import yaml


def documents_of_the_book(root: Path) -> list[str]:
    """Names of all pages in reading order, without suffix, the landing page first."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


def chapters_of_the_book(root: Path) -> set[Path]:
    """Paths of the notebooks among the pages."""
    return {
        root / f"{name}.ipynb"
        for name in documents_of_the_book(root)
        if name.startswith("notebooks/")
    }
