"""A process that has imported what MLflow imports, and from which Python programs are forked.

Importing MLflow is most of what a short program, and most of what a server's start costs. The
nursery does it once; each program that `warm_start` asks for is a fork of it. The program gets
the arguments, variables, folder, descriptors, session and signals that it would have been
executed with, runs as `__main__` from the top, and ends as any Python program ends.

A program that itself starts Python programs (a kernel, a server's command) is forked together
with a nursery of its own: only a nursery is free of what the program has done since.

Requests arrive on a socket, see `warm_start`; its end ends the nursery. Linux only.
"""

import array
import atexit
import ctypes
import fcntl
import gc
import importlib
import io
import json
import os
import resource
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
import types
from typing import Any

# What clients, servers and the command line import; not mlflow.server, which builds its
# application from the variables that it finds while it is imported.
PRELOADED = (
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "alembic.command",
    "fastapi",
    "flask_cors",
    "multiprocessing.spawn",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.main",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
# Imported for what they import, then taken out again, because they keep a variable's value:
# MLFLOW_TRACKING_URI and JPY_PARENT_PID.
IMPORTED_AGAIN = ("mlflow.cli", "ipykernel.kernelapp")
HEAD = 8  # bytes of a number on the channel
COLD = "COLD"  # a variable: see warm_start
ROOM = "_ROOM"  # a variable whose value makes room for those of programs, see `show`
_MOST_DESCRIPTORS = 250  # the system passes 253
_PR_SET_NAME = 15  # linux/prctl.h


def begin(channel: int) -> None:
    """What the first nursery runs: imports, then serves the socket with this number."""
    _wait_for_the_end_alone()
    sys.path.remove("")
    for name in (ROOM, COLD):
        del os.environ[name]
    importlib.import_module("mlflow_lab.warm_start")  # what programs use
    start = origin(dict(os.environ))
    start["path"] = sys.path[:]
    start["read"] = sorted(preload())
    start["modules"] = sorted({name.partition(".")[0] for name in sys.modules})
    connection = socket.socket(fileno=channel)
    text = json.dumps({name: start[name] for name in ("read", "modules")}).encode()
    connection.sendall(len(text).to_bytes(HEAD) + text)
    _live(connection, start)


def origin(variables: dict[str, str]) -> dict:
    """What a program must have in common with the nursery to be forked from it.

    `variables` and `limits` at its start, `read`: the names of the variables that were read while
    it imported, None as long as it does, `modules`: the names of the packages and modules that it
    imported, `path`: sys.path before a program adds to it.
    """
    return {"variables": variables, "limits": limits(), "read": None, "modules": [], "path": []}


def limits() -> list[tuple[int, int]]:
    """The resource limits of this process."""
    names = sorted(name for name in vars(resource) if name.startswith("RLIMIT_"))
    return [resource.getrlimit(getattr(resource, name)) for name in names]


def preload() -> set[str]:
    """Imports what is worth it; returns the names of the variables that were read meanwhile."""
    kind: Any = type(os.environ)  # whose method is exchanged meanwhile
    names = set()
    getitem = kind.__getitem__

    def noting(environ: os._Environ, name: str) -> str:
        names.add(name)
        return getitem(environ, name)

    kind.__getitem__ = noting
    gc.disable()
    try:
        for module in PRELOADED + IMPORTED_AGAIN:
            importlib.import_module(module)
    finally:
        kind.__getitem__ = getitem
    inside = tuple(f"{name}." for name in IMPORTED_AGAIN)
    for name in [n for n in sys.modules if f"{n}.".startswith(inside)]:
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(child, None)
        del sys.modules[name]
    gc.enable()
    gc.freeze()  # a collection would write to, and so copy, every page that is shared
    return {name for name in names if isinstance(name, str)}


def _live(channel: socket.socket, origin: dict) -> None:
    """Serves until this process is a program, then runs it."""
    while True:
        request, descriptors = _serve(channel)
        try:
            become(request, origin)
        except Exception:  # whatever it is, the one that asked waits, and executes it then
            answer(channel, 0)
            os._exit(1)
        nursery, pid = None, 0
        if request["starts"] in ("many", "one"):
            # In the program's session and group, for what it starts stays there.
            nursery, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                _wait_for_the_end_alone()
                for other in (nursery, channel):
                    other.close()
                for descriptor in descriptors:
                    os.close(descriptor)
                channel = theirs
                continue
            theirs.close()
        break
    answer(channel, os.getpid())
    channel.close()
    take(descriptors, request, nursery, origin, pid)
    try:
        run(request)
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        hook = sys.excepthook
        sys.excepthook = lambda kind, value, _: hook(kind, value.with_traceback(trace), trace)
        raise


def _wait_for_the_end_alone() -> None:
    """What is sent to the group is for programs: a nursery ends with its channel."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _serve(channel: socket.socket) -> tuple[dict, list[int]]:
    """Forks a program for each request; returns, with the request, in the program's process."""
    while True:
        request, descriptors = receive(channel)
        if request["once"]:
            return request, descriptors  # this process is already a child of the one that asks
        # Two forks: when the process between has ended, the program becomes a child of the one
        # that asked, which has made itself the reaper of orphans meanwhile.
        between = os.fork()
        if between == 0:
            between = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == between:
                time.sleep(0.001)
            return request, descriptors
        os.waitpid(between, 0)
        for descriptor in descriptors:
            os.close(descriptor)


def receive(channel: socket.socket) -> tuple[dict, list[int]]:
    """The next request and its descriptors; ends the process at the end of the channel."""
    space = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
    head, ancillary, _, _ = channel.recvmsg(HEAD, space)
    descriptors = array.array("i")
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    if len(head) < HEAD:
        os._exit(0)
    text = read(channel, int.from_bytes(head))
    if not text:
        os._exit(0)
    return json.loads(text), list(descriptors)


def read(channel: socket.socket, length: int) -> bytes:
    """So many bytes; none where the channel ends before."""
    text = b""
    while len(text) < length and (part := channel.recv(length - len(text))):
        text += part
    return text if len(text) == length else b""


def answer(channel: socket.socket, pid: int) -> None:
    """Says that the program is ready to run, or with 0 that it cannot."""
    channel.sendall(pid.to_bytes(HEAD))


def become(request: dict, origin: dict) -> None:
    """Makes this process the one that the request describes, but for its descriptors.

    May raise OSError, for instance when the folder cannot be entered.
    """
    if request["session"]:
        os.setsid()
    elif request["group"] >= 0:
        os.setpgid(0, request["group"])
    os.umask(request["umask"])
    os.chdir(request["folder"])
    _take_signals(set(request["ignored"]))
    os.environ.clear()
    os.environ.update(request["variables"])
    show(request["words"], request["variables"], request["name"])
    sys.orig_argv = request["words"]
    sys.path[:] = origin["path"]
    _reseed()


def _reseed() -> None:
    """Draw again what modules drew at random, or looked up, while they were imported."""
    sys.modules["numpy.random"].seed()
    tempfile.tempdir = None  # TMPDIR may be another one
    # The key of webhooks' secrets, where no variable gives one.
    models = sys.modules["mlflow.store.model_registry.dbmodels.models"]
    secret = models.SqlWebhook.__table__.c.secret.type
    secret.cipher = type(secret)().cipher


def take(
    given: list[int],
    request: dict,
    nursery: socket.socket | None,
    origin: dict,
    pid: int = 0,
) -> None:
    """The given descriptors get the numbers of the request, all others are closed.

    `nursery` is the channel to the one that this process gets, if it gets one; `pid` is its
    process id.
    """
    numbers = request["descriptors"]
    free = max([*numbers, 2]) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, free) for descriptor in given]
    kept = [] if nursery is None else [fcntl.fcntl(nursery.detach(), fcntl.F_DUPFD_CLOEXEC, free)]
    for descriptor, number in zip(moved, numbers, strict=True):
        os.dup2(descriptor, number, inheritable=True)
    borders = sorted({*numbers, *kept})
    for low, high in zip([-1, *borders], [*borders, 2**31 - 1], strict=True):
        if low + 1 < high:  # an empty range closes all, on Linux with close_range
            os.closerange(low + 1, high)
    assert isinstance(sys.stdout, io.TextIOWrapper)  # Python's own: nothing exchanged it yet
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    from . import warm_start

    channel = socket.socket(fileno=kept[0]) if kept else None
    warm_start.inherit(channel, origin, request["starts"], pid)


def _take_signals(ignored: set[int]) -> None:
    """Python's own handlers, but for the signals that the parent ignores."""
    ours: dict[int, Any] = {
        signal.SIGPIPE: signal.SIG_IGN,
        signal.SIGXFSZ: signal.SIG_IGN,
        signal.SIGINT: signal.default_int_handler,
    }
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        handler = signal.SIG_IGN if number in ignored else ours.get(number, signal.SIG_DFL)
        signal.signal(number, handler)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def show(words: list[str], variables: dict[str, str], name: str) -> None:
    """What `ps` and /proc show of this process: these words, these variables, this name.

    They are written where those of the first nursery stand, which made room for them. Where the
    last byte of the words is not zero Linux takes them for a title, one text up to the first
    zero: so a space within a word looks like one between words.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, os.fsencode(name)[:15], 0, 0, 0)
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    words_start, words_end, variables_start, variables_end = map(int, fields[45:49])
    title = os.fsencode(" ".join(words))[: words_end - words_start - 2]
    assigned = b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in variables.items())
    assigned = assigned[: variables_end - variables_start - 1]
    ctypes.memset(words_start, 0, words_end - words_start)
    ctypes.memmove(words_start, title, len(title))
    ctypes.memset(words_end - 1, ord("."), 1)
    ctypes.memset(variables_start, 0, variables_end - variables_start)
    ctypes.memmove(variables_start, assigned, len(assigned))


def run(request: dict) -> None:
    """Runs the program as `python -c what`, `python -m what` or `python what` would."""
    kind, what = request["kind"], request["what"]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main)["__builtins__"] = __builtins__
    sys.argv = [{"code": "-c", "module": "-m"}.get(kind, what), *request["arguments"]]
    if kind == "module":
        sys.path.insert(0, os.getcwd())
        runpy._run_module_as_main(what)  # type: ignore[attr-defined] # private, what -m runs
    elif kind == "code":
        sys.path.insert(0, "")
        exec(compile(what, "<string>", "exec"), vars(main))
    else:
        sys.path.insert(0, os.path.dirname(os.path.realpath(what)))
        main.__file__ = os.path.join(os.getcwd(), what)
        with io.open_code(what) as file:
            source = file.read()
        exec(compile(source, main.__file__, "exec"), vars(main))


def fork_worker(request: dict, origin: dict) -> int:
    """Forks this process itself; returns the program's process id, in the program never.

    For a process that has one thread and has done nothing that the program may not see.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        become(request, origin)
        take(request["sources"], request, None, origin)
        run(request)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        threading._shutdown()  # type: ignore[attr-defined] # private, what ends any program
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
