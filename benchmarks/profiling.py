"""How long profiling takes beside compiling: 80 kernels under 100 builds, on two cores.

Of each kernel's builds a seeded sample is run; CPU time, start-up included, is scaled to all of them, as if no two
were equal.

    python benchmarks/profiling.py --out benchmarks/results/profiling.json
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from mlcomp.passes_features.native import NativeError
from mlcomp.platforms.measurement import Limits, Measurement, Size
from mlcomp.platforms.platform import Platform, find_platform
from mlcomp.training.candidates import Build, builds
from mlcomp.training.kernels import Kernel, kernels
from mlcomp.training.programs import LIMITS, Program, usable_kernels

PLATFORMS = ("ibex", "cv32e40p", "ibex-fast")
KERNELS, BUILDS, CORES = 80, 100, 2


Run = tuple[float, float]  # cycles of main, CPU seconds


def cpu_seconds(platform: Platform, program: Path, limits: Limits, size: Size) -> tuple[Measurement, float]:
    """A run, and the CPU seconds of the simulator."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = platform.run(program, limits, size)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def runs(kernel: Kernel, chosen: list[Build]) -> list[dict[str, Run]]:
    """For each build that compiles, its run on each platform."""
    places = [find_platform(name) for name in PLATFORMS]
    program = Program(kernel, places[0])
    rows: list[dict[str, Run]] = []
    for build in chosen:
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as name:
            folder = Path(name)
            try:
                objects, _ = program.compile(build, folder)
            except NativeError:
                continue
            size = places[0].link(objects, folder / "program.elf")
            row: dict[str, Run] = {}
            for place in places:
                result, seconds = cpu_seconds(place, folder / "program.elf", LIMITS, size)
                row[place.name] = (result.main["cycles"], seconds)
            rows.append(row)
    return rows


@click.command()
@click.option("--sample", default=2, show_default=True, help="Builds of each kernel.")
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(sample: int, seed: int, out: Path) -> None:
    """Measure the sample and write one JSON file."""
    for name in PLATFORMS:
        find_platform(name).prepare(lambda text: click.echo(text, err=True))
    random_ = random.Random(seed)
    everything = builds("riscv32", BUILDS, 0)
    chosen = usable_kernels(kernels())
    rows: list[dict[str, Run]] = []
    for kernel in track(chosen, "kernels"):
        rows += runs(kernel, random_.sample(everything, sample))
    platforms: dict[str, Any] = {}
    for name in PLATFORMS:
        cycles, seconds = (sum(row[name][i] for row in rows) for i in range(2))
        platforms[name] = {
            "mean_cycles": round(cycles / len(rows)),
            "million_cycles_per_cpu_second": round(cycles / seconds / 1e6, 2),
            "minutes_of_profiling": round(seconds / len(rows) * KERNELS * BUILDS / CORES / 60, 2),
        }
    result = {
        "command": " ".join(["python benchmarks/profiling.py", *sys.argv[1:]]),
        "kernels": len(chosen),
        "programs": len(rows),
        "platforms": platforms,
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
