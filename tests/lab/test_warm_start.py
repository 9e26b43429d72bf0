"""A program that starts warm is the one that is executed, but for the time it takes."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import psutil
import pytest
from mlflow_lab import TrackingServer, warm_start
from mlflow_lab.python_program import PythonProgram
from mlflow_lab.warm_start import COLD

from tests.lab.conftest import log_run
from tests.lab.footprint import alive
from tests.waiting import WITHIN, wait_until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or bool(os.environ.get(COLD)), reason="programs are executed here"
)

PYTHON = sys.executable
IS_WARM = "import sys; print('warm' if 'mlflow' in sys.modules else 'cold')"
# What a program finds; what differs from start to start is left out.
LOOK = """
import json, os, resource, signal, sys
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "name": __name__, "file": globals().get("__file__"),
    "variables": {k: v for k, v in os.environ.items() if k != "COLD"},
    "folder": os.getcwd(), "umask": oct(os.umask(0)),
    "descriptors": sorted(set(map(int, os.listdir("/proc/self/fd")[:-1])) - {3}),
    "session": os.getsid(0) == os.getpid(), "group": os.getpgid(0) == os.getpid(),
    "parent": os.getppid(), "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "signals": {n: str(signal.getsignal(n)) for n in sorted(signal.valid_signals())},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "terminal": [sys.stdout.isatty(), sys.stdin.isatty()], "flags": str(sys.flags),
    "encoding": [sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors],
    "process": open("/proc/self/comm").read(), "words": sys.orig_argv,
}, default=str))
"""
PROGRAMS = {
    "code": [PYTHON, "-c", LOOK, "a b", "c"],
    "file": [PYTHON, "look.py", "--option"],
    "module": [PYTHON, "-m", "look", "x"],
    "script of the environment": ["mlflow", "--version"],
    "wrong option": ["mlflow", "server", "--no-such-option"],
    "an exit code": [PYTHON, "-c", "import sys; sys.exit(7)"],
    "a message as exit code": [PYTHON, "-c", "import sys; sys.exit('no')"],
    "an error": [PYTHON, "fails.py"],
    "an error in code": [PYTHON, "-c", "def f():\n  1 / 0\nf()"],
    "an error in a module": [PYTHON, "-m", "fails"],
    "no such module": [PYTHON, "-m", "no_such_module_here"],
    "a syntax error": [PYTHON, "-c", "1 +"],
    "exit handlers and threads": [PYTHON, "ends.py"],
    "Ctrl+C": [PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT); 1 + 1"],
    "killed": [PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"],
    "standard input": [PYTHON, "-c", "import sys; print(sys.stdin.read()[::-1])"],
}
FILES = {
    "look.py": LOOK,
    "fails.py": "import look\n\ndef deeper():\n    raise KeyError('gone')\n\ndeeper()\n",
    "ends.py": (
        "import atexit, threading, time\n"
        "atexit.register(print, 'last')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        "print('first', end=' ')\n"
    ),
}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(words: list[str], folder: Path | None = None, *, cold: bool = False, **given):
    """The finished program; `given` as in subprocess.run."""
    variables = {**os.environ, "PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}"}
    variables |= given.pop("variables", {}) | ({COLD: "1"} if cold else {})
    return subprocess.run(
        words, cwd=folder, env=variables, capture_output=True, text=True, timeout=WITHIN, **given
    )


@pytest.mark.parametrize("words", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_says_and_returns_the_same(words, folder):
    warm, cold = (
        run(words, folder, cold=cold, input="abc", start_new_session=True) for cold in (False, True)
    )
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        cold.returncode,
        cold.stdout,
        cold.stderr,
    )


def test_only_here_it_had_imported_before():
    assert run([PYTHON, "-c", IS_WARM]).stdout == "warm\n"
    assert run([PYTHON, "-c", IS_WARM], cold=True).stdout == "cold\n"


def test_the_environment_may_be_a_link(tmp_path, monkeypatch):
    """As in a second checkout that shares it: its scripts name the folder that they are in."""
    (tmp_path / ".venv").symlink_to(Path(PYTHON).parents[1])
    linked = tmp_path / ".venv" / "bin"
    monkeypatch.setattr(sys, "executable", str(linked / Path(PYTHON).name))
    assert PythonProgram.of(["mlflow", "server"], [str(linked / "mlflow")])
    assert not PythonProgram.of(["uv"], [str(linked / "uv")])  # no Python


@pytest.mark.parametrize(
    ("words", "given"),
    {
        "an option of Python": ([PYTHON, "-X", "dev", "-c", IS_WARM], {}),
        "a variable of Python": ([PYTHON, "-c", IS_WARM], {"variables": {"PYTHONHASHSEED": "1"}}),
        "a variable of OpenBLAS": (
            [PYTHON, "-c", IS_WARM],
            {"variables": {"OPENBLAS_NUM_THREADS": "1"}},
        ),
        "a variable that MLflow reads while it is imported": (
            [PYTHON, "-c", IS_WARM],
            {"variables": {"MLFLOW_LOGGING_LEVEL": "DEBUG"}},
        ),
        "another Python": ([os.path.realpath(PYTHON), "-c", IS_WARM], {}),
        "something to do before it": ([PYTHON, "-c", IS_WARM], {"preexec_fn": lambda: None}),
        "a limit of its own": (
            [PYTHON, "-c", IS_WARM],
            {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))},
        ),
    }.values(),
)
def test_what_would_import_otherwise_is_executed(words, given):
    assert run(words, **given).stdout == "cold\n"


@pytest.mark.parametrize("name", ["mlflow.py", "mlflow/__init__.py", "flask.py"])
def test_a_program_beside_a_module_of_that_name_is_executed(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(IS_WARM)
    (folder / "warm.py").write_text(IS_WARM)
    assert run([PYTHON, "warm.py"], folder).stdout == "cold\n"
    assert run([PYTHON, "-c", IS_WARM], folder).stdout == "cold\n"
    assert run([PYTHON, folder / "warm.py"]).stdout == "cold\n"


def test_descriptors_are_passed_on_with_their_numbers():
    read, write = os.pipe()
    with os.fdopen(read) as pipe:
        run([PYTHON, "-c", f"{IS_WARM}; import os; os.write({write}, b'here')"], pass_fds=[write])
        os.close(write)
        assert pipe.read() == "here"


def test_no_name_of_mlflow_is_missing():
    names = [PYTHON, "-c", "import mlflow; print(*vars(mlflow))"]
    warm, cold = (set(run(names, cold=is_cold).stdout.split()) for is_cold in (False, True))
    assert cold and cold <= warm


def test_programs_do_not_share_what_they_draw():
    draw = (
        "import numpy, random, uuid\n"
        "from mlflow.store.model_registry.dbmodels.models import SqlWebhook\n"
        "key = SqlWebhook.__table__.c.secret.type.cipher._encryption_key.hex()\n"
        "print(numpy.random.rand(), random.random(), uuid.uuid4(), key)"
    )
    drawn = [run([PYTHON, "-c", draw]).stdout.split() for _ in range(3)]
    assert [len(set(values)) for values in zip(*drawn, strict=True)] == [3, 3, 3, 3]


def test_the_requirements_of_a_model_are_inferred_alike(folder):
    train = (
        "import sys, mlflow.sklearn, sklearn.linear_model as m\n"
        "model = m.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])\n"
        "mlflow.sklearn.save_model(model, sys.argv[1], input_example=[[0.5]])\n"
    )
    (folder / "train.py").write_text(train)
    for name, cold in (("warm", False), ("cold", True)):
        done = run([PYTHON, "train.py", name], folder, cold=cold)
        assert done.returncode == 0, done.stderr
    warm, cold = ((folder / n / "requirements.txt").read_text() for n in ("warm", "cold"))
    assert warm == cold
    assert "scikit-learn==" in warm


def test_a_nursery_ends_with_its_process():
    begins = (
        "import os, subprocess, sys, psutil\n"
        "from mlflow_lab import warm_start\n"
        "del os.environ['COLD']\n"
        "warm_start.begin(dict(os.environ))\n"
        "subprocess.run([sys.executable, '-c', ''])\n"
        "print([p.pid for p in psutil.Process().children()])\n"
        "sys.stdout.flush(); os.kill(os.getpid(), 9)\n"
    )
    [nursery] = json.loads(run([PYTHON, "-c", begins], cold=True).stdout)
    # Its id may stay, as a zombie's: this process may have become the one that collects orphans.
    wait_until(lambda: not any(p.pid == nursery and alive(p) for p in psutil.process_iter()))


HANGS = f"""
import os, subprocess, sys
import psutil
from mlflow_lab import warm_start

def say():
    command = [sys.executable, "-c", {IS_WARM!r}]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

del os.environ["COLD"]
warm_start.begin(dict(os.environ))
first = say()
(nursery,) = psutil.Process().children()
nursery.suspend()
warm_start.ANSWER_WITHIN = 1
print(first, say())
"""


def test_a_program_is_executed_where_the_nursery_does_not_answer(folder):
    done = run([PYTHON, "-c", HANGS], folder, cold=True, check=True)
    assert done.stdout.split() == ["warm", "cold"]


def _tree(pid: int) -> list[tuple[str, str, list[str]]]:
    """The processes below, as `ps` shows them: name, line, and whether the variables are there."""
    leader = psutil.Process(pid)
    family = [leader, *sorted(leader.children(recursive=True), key=lambda p: p.pid)]
    lines = [re.sub(r"=\d+|main\(\d+\)", "=N", " ".join(p.cmdline())) for p in family]
    return [(p.name(), line, sorted(p.environ())) for p, line in zip(family, lines, strict=True)]


def _log(server: TrackingServer) -> list[str]:
    """The log's lines without times, numbers of processes and ports, which come in any order."""
    return sorted(
        re.sub(r"[0-9a-f]{32}|\d+", "N", line) for line in server.log_tail(1000).splitlines()
    )


def _walk(uri: str) -> list:
    """What a client gets back for a run, a model version and a search."""
    run_id = log_run(uri)
    client = mlflow.MlflowClient()
    client.create_registered_model("m")
    version = client.create_model_version("m", f"runs:/{run_id}/note.txt", run_id)
    found = client.search_runs(["0"], "metrics.loss < 1")
    return [
        *(found[0].data.metrics, [f.path for f in client.list_artifacts(run_id)]),
        *(version.version, version.status, client.get_experiment("0").name),
    ]


def _observed(cold: bool, workers: str, number: int) -> dict:
    variables = {COLD: "1"} if cold else {}
    with TrackingServer("--workers", workers, environment=variables, quiet=True) as server:
        processes = psutil.Process(server.pid).children(recursive=True)
        spawned = [p for p in processes if "spawn_main" in " ".join(p.cmdline())]
        expected = len(spawned) == (int(workers) if workers != "1" else 0)
        wait_until(
            lambda: len(re.findall("startup complete", server.log_tail(1000))) == int(workers)
        )
        assert server.pid is not None and server._process is not None
        process = server._process
        tree, walk = _tree(server.pid), _walk(server.uri)
        log = _log(server)
        # To the whole group, as the stop of a service and Ctrl+C do.
        os.killpg(server.pid, number)
        wait_until(lambda: not server.running)
        wait_until(lambda: not any(alive(process) for process in processes))
        observed = {"workers": expected, "tree": tree, "walk": walk, "log": log}
        return observed | {"exit code": process.exit_code}


@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGTERM), ("2", signal.SIGINT)])
def test_a_server_is_the_same(workers, number):
    warm, cold = (_observed(is_cold, workers, number) for is_cold in (False, True))
    for observed in (warm, cold):
        port = re.compile(r"--port \d+")
        observed["tree"] = [
            (name, port.sub("--port N", line), [v for v in variables if v != COLD])
            for name, line, variables in observed["tree"]
        ]
        requests = re.compile("GET /health")  # how often it was asked depends on the time
        observed["log"] = sorted({line for line in observed["log"] if not requests.search(line)})
    assert warm == cold


def test_without_a_nursery_everything_is_executed(monkeypatch):
    monkeypatch.setattr(subprocess, "_fork_exec", warm_start._execute)
    assert run([PYTHON, "-c", IS_WARM]).stdout == "cold\n"
