"""Processors that this one can stand in for, as far as numerical libraries see them.

OpenBLAS, inside NumPy and SciPy, has kernels for many processors, which sum in different orders:
the same fit ends in other last digits. OPENBLAS_CORETYPE chooses among those that the processor
can run (one that it cannot ends the process); OpenBLAS says with which name it took which.
"""

import platform
from pathlib import Path

# Kernels that differ in how they sum, the flag of /proc/cpuinfo that each needs.
_X86 = {"Nehalem": "sse4_2", "Sandybridge": "avx", "Haswell": "avx2", "SkylakeX": "avx512f"}
_ARM = {"ARMV8": "asimd", "NEOVERSEN1": "asimddp", "NEOVERSEV1": "sve"}


def kernels(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Values of OPENBLAS_CORETYPE that this processor runs; empty where nothing tells."""
    known = _ARM if platform.machine() in ("aarch64", "arm64") else _X86
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return [name for name, flag in known.items() if flag in flags]
