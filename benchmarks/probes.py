"""What probes, with which builds are described, change: cycles of programs to train and validate on, with and without.

    python benchmarks/probes.py --out benchmarks/results/probes.json

A build's ratio to the -O3 build, both without probes, is compared with that of the build with probes to the -O3 build
without and with them, and with the middle of the two, which `mlcomp estimator predict --profile` gives.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from mlcomp.cli.output import OutputFile, timed_report, write_json
from mlcomp.platforms.platform import find_platform
from mlcomp.training.candidates import LEVELS, Build
from mlcomp.training.judged import cheapest
from mlcomp.training.kernels import kernels
from mlcomp.training.programs import Program, measured, usable_kernels

PLATFORM = "ibex-fast"
ACTIONS = ("default<O3> -disable-lsr", "-inline-threshold=500 default<O3>", "default<O2>", "default<Oz>")
CHANGED = 0.004  # of the cycles of -O3: what is looked at closer


def cycles(program: Program, build: Build, probed: bool) -> float:
    """What one run takes; raises `ValueError` if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        objects, _ = program.compile(build, Path(folder), probed)
        row = measured(program.platform, objects, Path(folder), None)
    if row["problem"]:
        raise ValueError(f"{program.kernel.name}: {row['problem']}")
    return float(row["cycles"])


@click.command()
@click.option("--programs", default=45, show_default=True, help="Those with the least source.")
@click.option("--out", type=OutputFile(), required=True)
def main(programs: int, out: Path) -> None:
    """Measure and write one JSON file."""
    report = timed_report()
    platform = find_platform(PLATFORM)
    platform.prepare(report)
    builds = [*map(Build, LEVELS[1:]), *(Build(LEVELS[0], tuple(text.split())) for text in ACTIONS)]
    effects: dict[str, float] = {}
    errors: dict[str, list[float]] = {"unchanged": [], "changed alike": [], "middle": []}
    for kernel in cheapest(usable_kernels([k for k in kernels() if k.split != "test"]), programs):
        program = Program(kernel, platform)
        base, probed_base = (cycles(program, Build(LEVELS[0]), probed) for probed in (False, True))
        effects[kernel.name] = probed_base / base - 1
        report(f"{kernel.name}: {effects[kernel.name]:+.2%}")
        if abs(effects[kernel.name]) < CHANGED:
            continue
        for build in builds:
            plain, probed = (cycles(program, build, which) for which in (False, True))
            ends = {"unchanged": probed / base, "changed alike": probed / probed_base}
            ends["middle"] = math.sqrt(math.prod(ends.values()))
            for name, ratio in ends.items():
                errors[name].append(abs(ratio / (plain / base) - 1))
    sizes = np.abs(list(effects.values()))
    result: dict[str, Any] = {
        "command": " ".join(["python benchmarks/probes.py", *sys.argv[1:]]),
        "platform": PLATFORM,
        "programs": len(effects),
        "changed": int((sizes >= CHANGED).sum()),
        "mean_change": float(sizes.mean()),
        "largest_change": float(sizes.max()),
        "builds": len(builds),
        "mean_error": {name: float(np.mean(found)) for name, found in errors.items()},
        "effects": effects,
    }
    write_json(out, result)


if __name__ == "__main__":
    main()
