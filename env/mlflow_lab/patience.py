"""How long to wait for something on a machine that has other work to do."""

import os


def slowdown() -> float:
    """How many times longer things take than on an idle machine; at least 1.

    The processes that want to run, on average over the last minute, for each core (`os.getloadavg`
    and `os.cpu_count`): two processes that share a core take twice as long.
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def patience(seconds: float) -> float:
    """What `seconds` on an idle machine are on this one, now.

    Ask again while waiting: the load average follows what happens with a minute's delay.
    """
    return seconds * slowdown()
