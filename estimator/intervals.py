"""Calibrated prediction intervals: conformal, with a width that follows how hard a row is.

Residuals of cross-validation are divided by a difficulty, itself learned from their sizes; the quantile of the result
that covers the wanted share is what difficulties are multiplied with. Rows outside what the model was fitted on get
wider intervals, and a flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GroupKFold

Floats = npt.NDArray[np.float64]

LEAST = 1e-3  # of a difficulty: no interval is narrower than a fraction of this
OUTSIDE = 0.005  # the share of columns that may be outside: the errors of rows beyond are 1.8 times as large
WIDER = 2.0  # times, outside
RANGE = 0.25  # of a column's fitted range, that a value may lie beyond it
DRAWS = 1000


@dataclass(frozen=True)
class Range:
    """The values of inputs that a model was fitted on, shape (d,) each."""

    low: Floats
    high: Floats

    @classmethod
    def of(cls, x: Floats) -> Range:
        """From the fitted rows (n, d)."""
        return cls(x.min(0), x.max(0))

    def outside(self, x: Floats) -> npt.NDArray[np.bool_]:
        """Whether rows (n, d) have too many columns that are far from all that was fitted."""
        slack = RANGE * (self.high - self.low) + 1e-6
        far = (x < self.low - slack) | (x > self.high + slack)
        return np.asarray(far.mean(1) > OUTSIDE)


@dataclass(frozen=True)
class Intervals:
    """Half widths of intervals around predicted logarithms."""

    difficulty: Any
    factor: float

    def half_widths(self, x: Floats, predicted: Floats, outside: npt.NDArray[np.bool_]) -> Floats:
        """For rows (n, d) and predictions (n,)."""
        width = self.factor * np.maximum(self.difficulty.predict(_inputs(x, predicted)), LEAST)
        return np.asarray(np.where(outside, WIDER * width, width))


def _inputs(x: Floats, predicted: Floats) -> Floats:
    return np.column_stack([x, predicted, np.abs(predicted)])


def _difficulty(seed: int) -> Any:
    return GradientBoostingRegressor(
        n_estimators=80, max_depth=3, learning_rate=0.08, subsample=0.5, max_features=0.2, random_state=seed
    )


def _scores(x: Floats, predicted: Floats, y: Floats, groups: npt.NDArray[Any], seed: int) -> Floats:
    """Residuals (n,) by the half widths at factor 1, of difficulties and ranges that have not seen their group."""
    residuals = np.abs(predicted - y)
    z = _inputs(x, predicted)
    widths = np.empty(len(y))
    for train, test in GroupKFold(min(5, len(np.unique(groups)))).split(z, groups=groups):
        unit = Intervals(_difficulty(seed).fit(z[train], residuals[train]), 1.0)
        widths[test] = unit.half_widths(x[test], predicted[test], Range.of(x[train]).outside(x[test]))
    return np.asarray(residuals / widths)


def _factor(scores: Floats, groups: int, cover: float) -> float:
    """What covers rows of further groups: rows of one are alike, so the finite sample is the number of groups.

    Source: Dunn, Wasserman and Ramdas 2022.
    """
    return float(np.quantile(scores, min(1.0, cover * (1 + 1 / groups))))


def calibrate(x: Floats, predicted: Floats, y: Floats, groups: npt.NDArray[Any], cover: float, seed: int) -> Intervals:
    """Intervals that cover the share `cover` of rows of groups that were not seen.

    `predicted` (n,) for rows (n, d) of `groups` (n,) must come from cross-validation.
    """
    factor = _factor(_scores(x, predicted, y, groups, seed), len(np.unique(groups)), cover)
    difficulty = _difficulty(seed).fit(_inputs(x, predicted), np.abs(predicted - y))
    return Intervals(difficulty, factor)


def left_out_coverage(
    x: Floats, predicted: Floats, y: Floats, groups: npt.NDArray[Any], cover: float, seed: int, drawn: int
) -> tuple[float, float]:
    """The share of rows that intervals cover which the other groups calibrate, as a mean over groups left out in turn.

    And its standard deviation over samples of `drawn` groups: how much the same share may differ on so many by chance.
    """
    scores = _scores(x, predicted, y, groups, seed)
    names = np.unique(groups)
    rows = np.array([(groups == name).sum() for name in names])
    covered = np.array(
        [(scores[groups == name] <= _factor(scores[groups != name], len(names) - 1, cover)).sum() for name in names]
    )
    random = np.random.default_rng(seed)
    samples = [random.choice(len(names), drawn, replace=False) for _ in range(DRAWS)]
    return float(covered.sum() / rows.sum()), float(np.std([covered[s].sum() / rows[s].sum() for s in samples]))
