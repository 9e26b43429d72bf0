"""Run inside a replica's container: its processes and its largest packages, as JSON.

Memory is in MB: `rss` counts what processes share in each of them, `pss` once.
"""

import json
import os
import sysconfig
from pathlib import Path


def processes() -> list[dict]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            command = folder.joinpath("cmdline").read_text().replace("\0", " ")
            lines = folder.joinpath("smaps_rollup").read_text().splitlines()[1:]
        except OSError:  # it has ended: a health check
            continue
        sizes = dict(line.split(":") for line in lines)
        rss, pss = (int(sizes[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss"))
        found.append({"command": command, "rss": rss, "pss": pss})
    return found


def packages() -> dict[str, float]:
    """Size in MB of each folder beside Python's packages."""
    folders = [path for path in Path(sysconfig.get_path("purelib")).iterdir() if path.is_dir()]
    return {
        path.name: sum(f.lstat().st_size for f in path.rglob("*") if f.is_file()) / 1e6
        for path in folders
    }


print(json.dumps({"processes": processes(), "packages": packages()}))
