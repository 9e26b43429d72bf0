"""`make bench`: what the pipeline costs, of the work tree alone or beside a commit.

    python -m tools.bench [--base COMMIT] [--rows "chapters remote"] [--chapters "concepts/run"]

Each row is measured on the commit and then on the work tree, in clones of both, so that the ratio
compares two runs of the same hour on the same machine. Prints a table; saves it as
_build/bench.json with every command's cost, after each row as far as it is. Nothing is asserted:
machines are noisy. A row whose command fails says so, the other rows go on, and the exit code is 1.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools.accounting import Cost
from tools.rows import LONG, ROWS, Bench, Failed, Row
from tools.sides import ROOT, Side, commit_named, commit_of_the_work_tree

Table = dict[str, dict[str, float | str | None]]  # by what is measured, then by side


def fill(table: Table, name: str, row: Row, bench: Bench, side: Side) -> bool:
    """Add what a row measures on a side. Returns whether all of it could be measured."""
    try:
        for figures in row(bench, side):
            for what, value in figures.items():
                table.setdefault(what, {})[side.name] = value
    except Exception as problem:  # whatever it is, the other rows are still worth having
        table.setdefault(name, {})[side.name] = "failed"
        kind = "" if isinstance(problem, Failed) else f"{type(problem).__name__}: "
        print(f"{name}, {side.name}: {kind}{problem}", file=sys.stderr, flush=True)
        return False
    return True


def text_of(table: Table, sides: list[str]) -> str:
    """The table; with two sides the last column is the second divided by the first."""
    width = max(map(len, table), default=0) + 2
    heads = [*sides, "ratio"] if len(sides) == 2 else sides
    lines = [f"{'what':<{width}}" + "".join(f"{head:>13}" for head in heads)]
    for what, values in table.items():
        cells = [values.get(side) for side in sides]
        if len(sides) == 2:
            cells.append(ratio(*cells))
        lines.append(f"{what:<{width}}" + "".join(f"{_shown(cell):>13}" for cell in cells))
    return "\n".join(lines)


def ratio(base: object, now: object) -> float | None:
    if isinstance(base, int | float) and isinstance(now, int | float) and base:
        return now / base
    return None


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def how_cpu_was_counted(costs: dict[str, Cost]) -> str:
    both = [cost for cost in costs.values() if cost.cpu_cgroup is not None]
    if not both:
        return "CPU: RUSAGE_CHILDREN of a reaper of orphans; no cgroup could be made"
    shares = [cost.cpu_rusage / cost.cpu_cgroup for cost in both if cost.cpu_cgroup]
    return (
        "CPU: the larger of RUSAGE_CHILDREN (of a reaper of orphans) and a cgroup v2;"
        f" the first is {min(shares):.1%} to {max(shares):.1%} of the second"
    )


def measure(
    names: list[str], bench: Bench, sides: list[Side], keep: Callable[[Table, list[str]], None]
) -> tuple[Table, list[str]]:
    """The table, and the rows that failed on a side; `keep` is given both after each row."""
    table: Table = {}
    failed = []
    for name in names:
        for side in sides:
            print(f"== {name}, {side.name}", file=sys.stderr, flush=True)
            if not fill(table, name, ROWS[name], bench, side):
                failed.append(f"{name}, {side.name}")
            keep(table, failed)
    return table, failed


def notes_of(bench: Bench, sides: list[Side], failed: list[str]) -> list[str]:
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    notes = [machine, how_cpu_was_counted(bench.costs)]
    notes += [f"{side.name}: {side.commit}" for side in sides]
    return notes + [f"failed: {what}" for what in failed]


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the clones are removed then too
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--base", help="commit to compare with")
    parser.add_argument("--rows", type=str.split, help=" ".join(ROWS))
    parser.add_argument("--chapters", type=str.split, default=[], help="like concepts/run")
    parser.add_argument("--tests", type=str.split, default=["tests"], help="for the rows of tests")
    asked = parser.parse_args()
    names = [name for name in ROWS if name in (asked.rows or ROWS.keys() - LONG)]
    if unknown := set(asked.rows or ()) - ROWS.keys():
        parser.error(f"no such rows: {' '.join(sorted(unknown))}")
    (logs := ROOT / "_build" / "bench").mkdir(parents=True, exist_ok=True)
    bench = Bench(logs, asked.chapters, asked.tests)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # Database servers refuse root and run as another user, who has to pass through this folder.
        Path(folder).chmod(0o755)
        sides = [Side("work tree", commit_of_the_work_tree(), Path(folder) / "work-tree")]
        if asked.base:
            sides.insert(0, Side("base", commit_named(asked.base), Path(folder) / "base"))
        for side in sides:
            side.prepare()

        def keep(table: Table, failed: list[str]) -> None:
            saved = {
                "notes": notes_of(bench, sides, failed),
                "table": {what: values | _ratio_of(values) for what, values in table.items()},
                "commands": {what: vars(cost) for what, cost in bench.costs.items()},
            }
            (ROOT / "_build" / "bench.json").write_text(json.dumps(saved, indent=1) + "\n")

        table, failed = measure(names, bench, sides, keep)
    names = [side.name for side in sides]
    print(text_of(table, names), *notes_of(bench, sides, failed), sep="\n")
    print("saved as _build/bench.json")
    return 1 if failed else 0


def _ratio_of(values: dict) -> dict:
    found = ratio(values.get("base"), values.get("work tree"))
    return {} if found is None else {"ratio": found}


if __name__ == "__main__":
    sys.exit(main())
