"""What a large file and many small ones cost on each way to one S3 store, and who pays.

    python -m tools.transfer_costs --size 16 --count 100   # a small look
    python -m tools.transfer_costs --renew                  # `make costs`: 2 GiB, 5,000 files

Each transfer is one call of MLflow's client in a process forked for it. CPU seconds, bytes of peak
memory beyond what the process had before, and requests, as nginx in front of the server and of the
store counted them. Seconds on the clock are given as a ratio only: that of a round to the direct
transfer of the same round. The second form writes the result as tools/transfer_costs.json, which
the chapter artifact_store/large_files shows.
"""

import argparse
import datetime
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

RESULT = Path(__file__).with_suffix(".json")
MIB = 2**20
SIZES = (8, 64, 2048)  # MiB of a file
ROUNDS, ROUND_SIZE = 5, 32  # MiB; the ratios are of these
COUNT, SMALL, FOLDERS = 5_000, 1_000, 5  # small files, bytes of each, folders that they are in
# The default server takes a time that grows with the square of the size to receive a file, and one
# that grows with the newlines to give it, as gunicorn does to a smaller part. It has a file without
# newlines in memory three times.
LARGEST = {
    ("up", "uvicorn"): 64,
    ("down", "uvicorn"): 8,
    ("down", "gunicorn"): 64,
    ("down, no newline", "uvicorn"): 64,
    ("down, no newline", "gunicorn"): 64,
}
PARTS = ("ratios", "files", "small files")
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
AT = "0/costs"  # below the destination of all servers, and of the client without one
MULTIPART = {
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
    "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(8 * MIB),
}
LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "7200",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
THREADS = "--worker-class gthread --threads 4 --timeout 7200"
GATE = """\
log_format counted '$request_method $status $request_length $bytes_sent';
server {{
    listen 127.0.0.1:@PORT@;
    access_log counted.log counted;
    client_max_body_size 0;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_read_timeout 7200s;
    proxy_send_timeout 7200s;
    location / {{ proxy_pass {uri}; proxy_set_header Host $http_host; }}
}}
"""
_FORK = multiprocessing.get_context("fork")
Cost = dict[str, float]
Costs = dict[str, dict[str, Cost]]  # by direction and way
Call = Callable[[Any], Any]  # of an artifact repository


@dataclass(frozen=True)
class Way:
    """How files get to the store and back.

    Attributes:
        uri: artifact URI of the folder that all ways share.
        processes: the server's; none for a client that talks to the store.
        gates: nginx before the "server", and before the "store" where it is in between.
        variables: for the client.
        directions: "up", "down" or both.
    """

    uri: str
    processes: tuple[psutil.Process, ...]
    gates: dict[str, Any]
    variables: dict[str, str]
    directions: tuple[str, ...] = ("up", "down")

    def measure(self, call: Call) -> Cost:
        """Cost of a call in a process of its own. Raises RuntimeError with what it raised."""
        ours, theirs = _FORK.Pipe()
        child = _FORK.Process(target=in_child, args=(theirs, self.uri, self.variables, call))
        child.start()
        theirs.close()
        try:
            if (said := ours.recv()) != "ready":
                raise RuntimeError(said)
            before = [(_cpu(p), reset_peak(p.pid)) for p in self.processes]
            requests = {name: answered(gate) for name, gate in self.gates.items()}
            ours.send("go")
            cost = ours.recv()
        finally:
            child.join()
        if isinstance(cost, str):
            raise RuntimeError(cost)
        after = [(_cpu(p), peak(p.pid)) for p in self.processes]
        cpu, grown = (sum(a[i] - b[i] for a, b in zip(after, before, strict=True)) for i in (0, 1))
        return cost | {
            "server CPU s": round(cpu, 2),
            "server MiB": round(grown / MIB, 1),
            **{
                f"requests to the {name}": answered(self.gates[name]) - count
                for name, count in requests.items()
            },
        }


def in_child(parent: Any, uri: str, variables: dict[str, str], call: Call) -> None:
    """Once told to, send what the call costs this process, or what it raised."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    try:
        os.environ.update(variables)
        repository = get_artifact_repository(uri)
        repository.list_artifacts("nothing")  # imports, connections
        parent.send("ready")
        parent.recv()
        held, cpu, started = reset_peak(os.getpid()), time.process_time(), time.perf_counter()
        call(repository)
        cost = {
            "seconds": round(time.perf_counter() - started, 2),
            "client CPU s": round(time.process_time() - cpu, 2),
            "client MiB": round((peak(os.getpid()) - held) / MIB, 1),
        }
        parent.send(cost)
    except Exception as error:
        parent.send(f"{type(error).__name__}: {error}"[:2000])


def reset_peak(pid: int) -> int:
    """Bytes that a process has in memory; from here on its peak counts anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """Most bytes that it had in memory since `reset_peak`."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _cpu(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def answered(gate: Any) -> int:
    """Requests that it has logged; it does so after the answer."""
    time.sleep(0.2)
    return len((gate.folder / "counted.log").read_text().splitlines())


@contextmanager
def ways() -> Iterator[dict[str, Way]]:
    """All of them, on one store."""
    from mlflow_lab import Nginx, TeamServer, TrackingServer

    with ExitStack() as stack:
        team = stack.enter_context(TeamServer(replicas=1, quiet=True))
        bucket = f"s3://{team.store.bucket}"
        found: dict[str, Way] = {}

        def gate(uri: str) -> Any:
            return stack.enter_context(Nginx(GATE.format(uri=uri), quiet=True))

        def server(*options: str) -> Any:
            given = ("--artifacts-destination", bucket, *options)
            return stack.enter_context(TrackingServer(*given, environment=keys, quiet=True))

        def add(name: str, server: Any, variables: dict[str, str], *directions: str) -> None:
            gates = {"server": gate(server.uri), "store": store}
            leader = psutil.Process(server.pid)
            found[name] = Way(
                f"{gates['server'].uri}{ARTIFACTS}/{AT}",
                (leader, *leader.children(recursive=True)),
                gates,
                LIMITS | variables,
                directions or ("up", "down"),
            )

        store = gate(team.store.endpoint_url)
        keys = team.store.environment | {"MLFLOW_S3_ENDPOINT_URL": store.uri}
        found["direct"] = Way(f"{bucket}/{AT}", (), {"store": store}, LIMITS | keys)
        default = server()
        add("uvicorn", default, {})
        add("uvicorn, multipart", default, MULTIPART, "up")
        add("gunicorn", server("--gunicorn-opts", THREADS), {})
        deployed, user = team.replicas[0], team.environment()
        login = {name: user[name] for name in user if name.endswith(("USERNAME", "PASSWORD"))}
        add("env/server", deployed, login)
        del found["env/server"].gates["store"]  # that one knows the store itself
        yield found


def file_costs(found: dict[str, Way], sizes: Iterable[int], folder: Path) -> dict[str, Costs]:
    """{MiB: costs} of one file of random bytes; it comes down without newlines, too."""
    return {str(size): _costs_of_a_file(found, size, folder) for size in sizes}


def _costs_of_a_file(found: dict[str, Way], size: int, folder: Path) -> Costs:
    file = folder / "large.bin"
    costs: Costs = {"up": {}, "down": {}, "down, no newline": {}}
    for direction in costs:
        write(file, size, newlines=direction != "down, no newline")
        if direction != "up":
            found["direct"].measure(lambda store: store.log_artifact(str(file)))
        for name, way in found.items():
            kind = direction.partition(",")[0]
            if kind in way.directions and size <= LARGEST.get((direction, name), size):
                costs[direction][name] = way.measure(up(file) if kind == "up" else down(file))
                print(f"{size} MiB {direction:<18}{name:<20}", costs[direction][name], flush=True)
    file.unlink()
    return costs


def up(file: Path) -> Call:
    return lambda repository: repository.log_artifact(str(file))


def down(file: Path) -> Call:
    """Raises ValueError unless what comes down has the size of the file."""

    def call(repository: Any) -> None:
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            got = Path(repository.download_artifacts(file.name, folder))
            if got.stat().st_size != file.stat().st_size:
                raise ValueError(f"{got.stat().st_size} bytes of {file.stat().st_size}")

    return call


def write(file: Path, size: int, newlines: bool = True) -> None:
    """MiB of random bytes, as in a file of weights."""
    with file.open("wb") as opened:
        for _ in range(size):
            part = os.urandom(MIB)
            opened.write(part if newlines else part.replace(b"\n", b"."))


def ratios(found: dict[str, Way], folder: Path) -> dict[str, list[float]]:
    """Seconds of each way up to those of the direct one in the same round."""
    file = folder / "large.bin"
    write(file, ROUND_SIZE)
    found["direct"].measure(up(file))  # or the store makes its volumes in the first round
    rounds = [
        {name: way.measure(up(file))["seconds"] for name, way in found.items()}
        for _ in range(ROUNDS)
    ]
    return {name: [round(r[name] / r["direct"], 2) for r in rounds] for name in found}


def small_file_costs(found: dict[str, Way], count: int, folder: Path) -> Costs:
    """Of small files, folder by folder in turn on two ways; and of one zip of all of them."""
    costs: Costs = {"up": {}, "down": {}, "up, one zip": {}}
    part = count // FOLDERS
    for number in range(FOLDERS):
        files = folder / f"part{number}"
        files.mkdir()
        for index in range(part):
            (files / f"{index}.txt").write_bytes(os.urandom(SMALL))
        for name in ("direct", "uvicorn"):
            for direction, call in {"up": _all_up(files), "down": _all_down(files)}.items():
                _add(costs[direction].setdefault(name, {}), found[name].measure(call))
        print(f"{(number + 1) * part} files", costs, flush=True)
    archive = Path(shutil.make_archive(str(folder / "all"), "zip", folder))
    for name in costs["up"]:
        costs["up, one zip"][name] = found[name].measure(up(archive))
    return costs


def _all_up(files: Path) -> Call:
    return lambda repository: repository.log_artifacts(str(files), files.name)


def _all_down(files: Path) -> Call:
    def call(repository: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            got = Path(repository.download_artifacts(files.name, folder))
            assert len(list(got.iterdir())) == len(list(files.iterdir()))

    return call


def _add(total: Cost, cost: Cost) -> None:
    for name, value in cost.items():
        joined = max if name.endswith("MiB") else lambda a, b: a + b
        total[name] = round(joined(total.get(name, 0), value), 2)


def measure(
    found: dict[str, Way], part: str, sizes: Iterable[int] = SIZES, count: int = COUNT
) -> Any:
    """One of PARTS, with files in a folder that goes away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if part == "small files":
            return {"count": count, "bytes": SMALL, **small_file_costs(found, count, folder)}
        if part == "ratios":
            return {"MiB": ROUND_SIZE, "up": ratios(found, folder)}
        return file_costs(found, sizes, folder)


def renew(parts: Iterable[str]) -> None:
    """Measure these parts of the result anew."""
    import boto3
    import mlflow

    versions = {"mlflow": mlflow.__version__, "boto3": boto3.__version__}
    with ways() as found:
        for part in parts:
            measured = {"date": datetime.date.today().isoformat(), **versions}
            measured[part] = measure(found, part)
            kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
            RESULT.write_text(json.dumps(kept | measured, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m tools.transfer_costs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--size", type=int, default=16, help="MiB of a file (%(default)s)")
    parser.add_argument("--count", type=int, default=100, help="of small files (%(default)s)")
    parser.add_argument(
        "--renew", nargs="*", choices=PARTS, metavar="PART",
        help=f"write {RESULT.name}, or these of its parts: {', '.join(PARTS)}",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if given.renew is not None:
        renew(given.renew or PARTS)
    else:
        with ways() as found:
            measure(found, "files", [given.size])
            measure(found, "small files", count=given.count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
