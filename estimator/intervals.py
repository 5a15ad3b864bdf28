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
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GroupKFold

Floats = npt.NDArray[np.float64]

LEAST = 1e-3  # of a difficulty: no interval is narrower than a fraction of this
OUTSIDE = 0.005  # the share of columns that may be outside: the errors of rows beyond are 1.8 times as large
WIDER = 2.0  # times, outside
RANGE = 0.25  # of a column's fitted range, that a value may lie beyond it


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


def calibrate(x: Floats, predicted: Floats, y: Floats, groups: npt.NDArray[Any], cover: float, seed: int) -> Intervals:
    """Intervals that cover the share `cover` of rows of groups that were not seen.

    `predicted` must come from cross-validation. The factor is that of difficulties which have not seen their group.
    Rows of a group are alike, so the correction for a finite sample counts groups (Dunn, Wasserman and Ramdas 2022).
    """
    residuals = np.abs(predicted - y)
    model = GradientBoostingRegressor(
        n_estimators=80, max_depth=3, learning_rate=0.08, subsample=0.5, max_features=0.2, random_state=seed
    )
    z = _inputs(x, predicted)
    difficulty = np.empty(len(y))
    outside = np.empty(len(y), bool)
    for train, test in GroupKFold(min(5, len(np.unique(groups)))).split(z, groups=groups):
        difficulty[test] = clone(model).fit(z[train], residuals[train]).predict(z[test])
        outside[test] = Range.of(x[train]).outside(x[test])
    scores = residuals / (np.maximum(difficulty, LEAST) * np.where(outside, WIDER, 1.0))
    factor = float(np.quantile(scores, min(1.0, cover * (1 + 1 / len(np.unique(groups))))))
    return Intervals(model.fit(z, residuals), factor)
