"""What tells how large errors of predictions are: three ways to learn it, as wide as is needed to cover as much.

    python benchmarks/intervals.py --out benchmarks/results/intervals.json

From the profile store of ibex-fast, programs to train and validate on; intervals of each fold's projects are calibrated
on the others. The best is that with the least interval score: an interval's width and, for what it misses, how far it
misses that by 2 / 0.1 (Gneiting and Raftery 2007).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GroupKFold

from mlcomp.cli.estimator import designs_of
from mlcomp.estimator.design import Design
from mlcomp.estimator.fit import COVER
from mlcomp.estimator.intervals import Range, by_all_inputs, calibrate
from mlcomp.estimator.selection import analytic, cross_validate, regressors, unseen_programs

PLATFORM = "ibex-fast"
FOLDS = 5
BAD = 0.8


def figures(data: Design, metric: str, predicted: Any, difficulty: Any) -> dict[str, float]:
    """Of intervals with this difficulty."""
    y, groups = data.targets[metric], data.projects
    half = np.empty(len(y))
    for train, test in GroupKFold(FOLDS).split(data.x, groups=groups):
        fitted = calibrate(data.x[train], predicted[train], y[train], groups[train], COVER, difficulty)
        outside = Range.of(data.x[train]).outside(data.x[test])
        half[test] = fitted.half_widths(data.x[test], predicted[test], outside)
    missed = np.maximum(np.abs(predicted - y) - half, 0)
    covered = np.array([(missed[groups == g] == 0).mean() for g in np.unique(groups)])
    return {
        "coverage": float((missed == 0).mean()),
        "mean_half_width": float(half.mean()),
        "interval_score": float((2 * half + 2 / (1 - COVER) * missed).mean()),
        "projects_covered_below_80": float((covered < BAD).mean()),
    }


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    """Calibrate all and write one JSON file."""
    table: dict[str, Any] = {}
    for setting, data in designs_of(PLATFORM, None).items():
        known = data.rows(data.splits != "test")
        for metric, y in known.targets.items():
            if metric == "flash":
                continue
            # Of the kinds that are chosen for programs that were run once, and for others.
            kind = analytic(known, metric, PLATFORM)["refined, documented events"]
            model = kind if setting == "profiled" else regressors(0)["gradient boosting, depth 3"]
            predicted = cross_validate(model, known, y, list(unseen_programs(known, 0)))
            ways = {"none": DummyRegressor(), "all inputs": by_all_inputs(0), "amounts": known.difficulty(0)}
            table[f"{setting}, {metric}"] = {n: figures(known, metric, predicted, d) for n, d in ways.items()}
            click.echo(f"{setting}, {metric}: {table[f'{setting}, {metric}']}", err=True)
    result = {"command": " ".join(["python benchmarks/intervals.py", *sys.argv[1:]]), "difficulties": table}
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
