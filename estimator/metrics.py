"""How good predictions of ratios are: errors, order within a program, the price of trusting them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

CANDIDATES = 20  # that a compiler chooses from
DRAWS = 40  # of so many candidates, for each program
WORST = 5.0  # of logarithms: an error beyond counts as so large, as a model may be far off outside of its data


def relative_errors(predicted: Floats, measured: Floats) -> Floats:
    """|predicted / measured - 1| of logarithms of ratios, shape (n,)."""
    return np.asarray(np.abs(np.expm1(np.clip(predicted - measured, -WORST, WORST))))


def mean_spearman(predicted: Floats, measured: Floats, programs: Names) -> float:
    """Rank correlation over the candidates of a program, the mean over programs whose candidates differ."""
    found = []
    for program in np.unique(programs):
        mine = programs == program
        if mine.sum() > 2 and np.ptp(measured[mine]) > 0:
            constant = np.ptp(predicted[mine]) == 0
            found.append(0.0 if constant else float(spearmanr(predicted[mine], measured[mine]).statistic))
    return float(np.mean(found)) if found else float("nan")


def mean_regret(predicted: Floats, measured: Floats, programs: Names, seed: int = 0) -> float:
    """How much worse than the best of 20 the one is that looks best: mean over programs and seeded draws.

    The baseline, with ratio 1, is always among the 20.
    """
    random = np.random.default_rng(seed)
    found = []
    for program in np.unique(programs):
        mine = np.flatnonzero(programs == program)
        for _ in range(DRAWS):
            drawn = random.choice(mine, min(CANDIDATES - 1, len(mine)), replace=False)
            costs = np.append(measured[drawn], 0.0)
            chosen = np.append(predicted[drawn], 0.0).argmin()
            found.append(float(np.expm1(costs[chosen] - costs.min())))
    return float(np.mean(found))


def summary(predicted: Floats, measured: Floats, programs: Names) -> dict[str, Any]:
    """All figures of one model, by name."""
    errors = relative_errors(predicted, measured)
    return {
        "rows": len(errors),
        "programs": len(np.unique(programs)),
        "mean_error": float(errors.mean()),
        "median_error": float(np.median(errors)),
        "p95_error": float(np.quantile(errors, 0.95)),
        "spearman": mean_spearman(predicted, measured, programs),
        "regret_of_20": mean_regret(predicted, measured, programs),
    }
