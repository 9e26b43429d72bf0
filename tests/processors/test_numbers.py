"""What chapters say of numbers holds on other processors: with other kernels of OpenBLAS, and with
one thread.

The execution that fills the cache has the kernel of this processor. Here the sections that compare
numbers, after their chapter's set-up, run with each of the others.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy  # brings the OpenBLAS that threadpool_info looks at
import pytest
from mlflow_lab import TrackingServer
from nbformat.v4 import new_code_cell
from table_of_contents import chapters_of_the_book
from threadpoolctl import threadpool_info

from tests.chapter_plugin import kernel
from tests.conftest import ROOT
from tests.processors.blas_kernels import kernels
from tests.processors.excerpts import code, sections, with_prerequisites
from tests.processors.executor import Executor

PARTS = ("intro", "concepts")  # those that need no server of their own
COMPUTES = re.compile(r"\.fit\(|\.predict\(|\.predict_proba\(|models\.evaluate\(|cross_val_")
COMPARES = re.compile(
    r"allclose|isclose|approx\(|assert_\w+_equal|[<>]=? -?\d+\.\d|\d+\.\d+ <|\b1e-"
)
KERNELS_IN_USE = """\
import sklearn.linear_model
from threadpoolctl import threadpool_info

print({library.get("architecture") for library in threadpool_info()} - {None})"""


def kernel_of_this_processor() -> str | None:
    """Name of the kernel that OpenBLAS takes when nothing is chosen; None where NumPy has none."""
    return next(filter(None, (library.get("architecture") for library in threadpool_info())), None)


# Two, the oldest and the newest: with this processor's own they are three.
OTHERS = [name for name in kernels() if name != kernel_of_this_processor()]
OTHERS = sorted({*OTHERS[:1], *OTHERS[-1:]}, key=OTHERS.index)


def with_numbers(path: Path) -> nbformat.NotebookNode | None:
    """The chapter's set-up and the sections that compute and compare; None if there are none."""
    notebook = nbformat.read(path, as_version=4)
    first, *recipes = sections(notebook)
    wanted = [
        number
        for number, section in enumerate(recipes)
        if COMPUTES.search(code(section))
        and COMPARES.search(code(section))
        and not re.search(r"uv venv|TrackingServer\(", code(section))  # dear, and no other call
    ]
    kept = with_prerequisites(wanted, first, recipes)
    notebook.cells = [cell for section in [first, *(recipes[n] for n in kept)] for cell in section]
    return notebook if wanted else None


CHAPTERS = [
    path.relative_to(ROOT)
    for path in sorted(chapters_of_the_book(ROOT))
    if path.parent.name in PARTS and with_numbers(path)
]


@pytest.fixture(scope="module")
def server():
    with TrackingServer(quiet=True) as server:
        yield server


@pytest.fixture(scope="module")
def blas(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def executor(blas, server) -> Iterator[Executor]:
    variables = {
        "MLFLOW_TRACKING_URI": server.uri,
        "OPENBLAS_CORETYPE": blas,
        kernel.STARTUP: str(Path(__file__).with_name("remember_requirements.py")),
    }
    if blas == OTHERS[0]:
        variables |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    executor = Executor(variables)
    yield executor
    executor.close()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "blas",
    [pytest.param(name, marks=pytest.mark.xdist_group(f"numbers with {name}")) for name in OTHERS],
    indirect=True,
)
def test_numbers_hold_with_another_kernel(chapter, blas, executor, cell_timeout, tmp_path):
    notebook = with_numbers(ROOT / chapter)
    assert notebook is not None  # or the chapter would not be among these
    notebook.cells.append(new_code_cell(KERNELS_IN_USE))
    executor.execute(notebook, tmp_path, cell_timeout)
    assert notebook.cells[-1].outputs[0].text == f"{{'{blas}'}}\n"


def test_there_are_three_kernels_and_the_chapters_that_compute():
    assert {"what_is_mlflow", "evaluation", "autolog", "model"} <= {path.stem for path in CHAPTERS}
    if kernels():  # elsewhere, on macOS for example, nothing tells what the processor can run
        assert len({*OTHERS, kernel_of_this_processor()}) >= 3


PREDICTIONS = """\
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

X, y = load_diabetes(return_X_y=True, scaled=False)
print(Ridge(alpha=0.1).fit(X, y).predict(X).tolist())"""


@pytest.mark.skipif(not OTHERS, reason="nothing tells which kernels this processor can run")
def test_kernels_differ_in_the_last_digits_and_nowhere_else():
    own = kernel_of_this_processor()
    assert own is not None  # of the same library as the others
    said = [
        subprocess.run(
            [sys.executable, "-c", PREDICTIONS],
            env=os.environ | {"OPENBLAS_CORETYPE": blas},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for blas in [*OTHERS, own]
    ]
    assert len(set(said)) > 1
    numpy.testing.assert_allclose(json.loads(said[0]), json.loads(said[-1]))
