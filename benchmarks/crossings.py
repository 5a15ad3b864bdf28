"""What jumps to instructions that lie in two words cost, and how well a linked program tells them.

    python benchmarks/crossings.py --out benchmarks/results/crossings.json

From the profile stores of the RISC-V cores, programs to train and validate on. Cycles are a linear model of events that
ibex-fast has counted, other projects' programs to fit on: with crossings and without. Its counts serve for cv32e40p
too, which runs the same programs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy.optimize import nnls

from mlcomp.cli.estimator import PROFILES, designs_of
from mlcomp.estimator import store
from mlcomp.estimator.design import BASELINE, Design, Floats
from mlcomp.estimator.metrics import summary
from mlcomp.estimator.selection import unseen_programs

COUNTING = "ibex-fast"
CORES = (COUNTING, "cv32e40p")
EVENTS = (
    "instructions",
    "loads",
    "stores",
    "branches_taken",
    "jumps",
    "multiplications",
    "high_multiplications",
    "divisions",
    "zero_divisions",
    "indirect_jumps",
)
CROSSINGS = "target_crossings"

Counted = dict[tuple[str, int], dict[str, float]]


def counted() -> tuple[Counted, dict[str, float]]:
    """What each build of a program executed, and how well its crossings are told without running it."""
    rows = [r for r in store.read(PROFILES / f"{COUNTING}.parquet").to_pylist() if r["split"] != "test"]
    good = [r for r in rows if not r["problem"]]
    counts = [dict(row["counts"]) for row in good]
    cycles = np.array([row["cycles"] for row in good])
    actual = np.array([c[CROSSINGS] for c in counts])
    own = np.array([row["crossings_profiled"][0] for row in good])
    share = actual / cycles
    told = {
        "builds": len(good),
        "median_share_of_cycles": float(np.median(share)),
        "largest_share_of_cycles": float(share.max()),
        "mean_error_of_own_code": float((np.abs(own - actual) / cycles).mean()),
        "median_error_of_own_code": float(np.median(np.abs(own - actual) / cycles)),
    }
    return {(r["program"], r["build"]): c for r, c in zip(good, counts, strict=True)}, told


def linear(data: Design, counts: Counted, events: tuple[str, ...]) -> dict[str, Any]:
    """Figures of cycles, as a linear model of changes of events from the baseline."""
    base = [counts[program, BASELINE] for program in data.programs]
    new = [counts[key] for key in zip(data.programs, data.builds, strict=True)]
    cycles = np.array([b["cycles"] for b in base])
    x = np.array([[n[e] - b[e] for e in events] for n, b in zip(new, base, strict=True)]) / cycles[:, None]
    y = data.targets["cycles"]
    predicted: Floats = np.empty(len(y))
    for train, test in unseen_programs(data, 0):
        costs, _ = nnls(x[train], np.expm1(y[train]))
        predicted[test] = np.log(np.maximum(1 + x[test] @ costs, 0.02))
    return summary(predicted, y, data.programs)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    """Fit both and write one JSON file."""
    counts, told = counted()
    cores = {}
    for core in CORES:
        data = designs_of(core, None)["profiled"]
        data = data.rows(data.splits != "test")
        cores[core] = {
            "without": linear(data, counts, EVENTS),
            "with": linear(data, counts, (*EVENTS, CROSSINGS)),
        }
    result = {"command": " ".join(["python benchmarks/crossings.py", *sys.argv[1:]]), "told": told, "cores": cores}
    out.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
