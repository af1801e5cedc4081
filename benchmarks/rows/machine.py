"""The machine and the libraries that a measurement belongs to."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = (
    "numpy", "scipy", "torch", "diffusers", "torchmetrics", "prdc", "scikit-learn", "snakemake",
    "dvc",
)  # fmt: skip


def described() -> dict[str, Any]:
    """Processor, cores, system, Python and library versions."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "vectors": _vectors(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def hardware(machine: dict[str, Any]) -> str:
    """What a number that is no ratio belongs to: the machine, whatever is installed."""
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    return (
        f"{cores} of {machine['processor']} ({machine['vectors']}), "
        f"{machine['memory']}, {machine['system']}"
    )


def told(machine: dict[str, Any]) -> str:
    """One sentence for people."""
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return f"{hardware(machine)}, Python {machine['python']}, {libraries}."


def _information(file: str, key: str) -> str:
    path = Path(file)
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _processor() -> str:
    name = _information("/proc/cpuinfo", "model name") or platform.processor()
    family, model = (_information("/proc/cpuinfo", key) for key in ("cpu family", "model\t"))
    return f"{name}, family {family} model {model}" if family else name or platform.machine()


def _vectors() -> str:
    """The widest vectors of the processor that decide the speed of arithmetic."""
    flags = _information("/proc/cpuinfo", "flags").split()
    known = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}
    return next((name for flag, name in known.items() if flag in flags), "no AVX2")


def _memory() -> str:
    size = _information("/proc/meminfo", "MemTotal").removesuffix("kB").strip()
    return f"{int(size) / 2**20:.0f} GiB" if size else "memory unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
