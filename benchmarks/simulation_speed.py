"""How fast simulators are: million cycles per CPU second on long programs, start-up included, the best of some runs.

python benchmarks/simulation_speed.py --out benchmarks/results/simulation-speed.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click
from profiling import cpu_seconds

from mlcomp.platforms.measurement import Limits
from mlcomp.platforms.platform import Platform, find_platform
from mlcomp.platforms.program import build
from mlcomp.training.kernels import kernels

PLATFORMS = ("ibex", "ibex-wb", "ibex-btalu", "cv32e40p", "ibex-fast", "cortex-m4")
PROGRAMS = ("bearssl_modpow", "bigint_mul", "jbigkit_fax", "spandsp_g722")  # those with the most cycles at -O0
RUNS = 3


def speed(platform: Platform) -> float:
    """Million cycles per CPU second."""
    cycles = seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for kernel in (k for k in kernels() if k.name in PROGRAMS):
            program, size = build(platform, ["clang-19", "-O0"], kernel.files(), Path(folder))
            runs = [cpu_seconds(platform, program, Limits(), size) for _ in range(RUNS)]
            cycles += runs[0][0].main["cycles"]
            seconds += min(time for _, time in runs)
    return cycles / seconds / 1e6


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    """Measure all simulators that count cycles and write one JSON file."""
    speeds = {}
    for name in PLATFORMS:
        platform = find_platform(name)
        platform.prepare(lambda text: click.echo(text, err=True))
        speeds[name] = round(speed(platform), 2)
        click.echo(f"{name}: {speeds[name]}")
    result = {
        "command": " ".join(["python benchmarks/simulation_speed.py", *sys.argv[1:]]),
        "programs": PROGRAMS,
        "level": "-O0",
        "best_of": RUNS,
        "million_cycles_per_cpu_second": speeds,
    }
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
