"""Calibrated prediction intervals: conformal, with a width that follows how hard a row is.

Residuals of cross-validation are divided by a difficulty, itself learned from their sizes; the quantile of the result
that covers the wanted share is what difficulties are multiplied with. Rows outside what the model was fitted on get
wider intervals, and a flag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.model_selection import GroupKFold

Floats = npt.NDArray[np.float64]

LEAST = 1e-3  # of a difficulty: no interval is narrower than a fraction of this
OUTSIDE = 0.005  # the share of columns that may be outside: the errors of rows beyond are 1.8 times as large
WIDER = 2.0  # times, outside
RANGE = 0.25  # of a column's fitted range, that a value may lie beyond it
DRAWS = 1000
TREES = 60
LEAF = 0.02  # of the rows, at least, in a leaf


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


def by_all_inputs(seed: int) -> Any:
    """A difficulty that is learned from every input."""
    return GradientBoostingRegressor(
        n_estimators=80, max_depth=3, learning_rate=0.08, subsample=0.5, max_features=0.2, random_state=seed
    )


class ByAmounts(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A difficulty that is learned from a few sums of sizes: of differences of columns, or of columns.

    Trees that see every column of a design learn its programs by heart.

    Parameters
    ----------
    amounts : sequence of (sequence of int, sequence of int)
        For each sum the columns and, for differences, as many that are taken from them.
    seed : int
        Of the trees.
    """

    def __init__(self, amounts: Sequence[tuple[Sequence[int], Sequence[int]]], seed: int = 0) -> None:
        self.amounts = amounts
        self.seed = seed

    def _sums(self, z: Floats) -> Floats:
        return np.column_stack(
            [np.abs(z[:, over] - (z[:, under] if under else 0)).sum(1) for over, under in self.amounts]
        )

    def fit(self, z: Floats, y: Floats) -> ByAmounts:
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=self.seed)
        self.trees_ = trees.fit(self._sums(z), y)
        return self

    def predict(self, z: Floats) -> Floats:
        return np.asarray(self.trees_.predict(self._sums(np.asarray(z))))


def _scores(x: Floats, predicted: Floats, y: Floats, groups: npt.NDArray[Any], difficulty: Any) -> Floats:
    """Residuals (n,) by the half widths at factor 1, of difficulties and ranges that have not seen their group."""
    residuals = np.abs(predicted - y)
    z = _inputs(x, predicted)
    widths = np.empty(len(y))
    for train, test in GroupKFold(min(5, len(np.unique(groups)))).split(z, groups=groups):
        unit = Intervals(clone(difficulty).fit(z[train], residuals[train]), 1.0)
        widths[test] = unit.half_widths(x[test], predicted[test], Range.of(x[train]).outside(x[test]))
    return np.asarray(residuals / widths)


def _factor(scores: Floats, groups: int, cover: float) -> float:
    """What covers rows of further groups: rows of one are alike, so the finite sample is the number of groups.

    Source: Dunn, Wasserman and Ramdas 2022.
    """
    return float(np.quantile(scores, min(1.0, cover * (1 + 1 / groups))))


def calibrate(
    x: Floats, predicted: Floats, y: Floats, groups: npt.NDArray[Any], cover: float, difficulty: Any
) -> Intervals:
    """Intervals that cover the share `cover` of rows of groups that were not seen.

    `predicted` (n,) for rows (n, d) of `groups` (n,) must come from cross-validation. `difficulty`, a regressor that is
    not fitted, learns the sizes of errors from rows, predictions and their sizes (n, d + 2).
    """
    factor = _factor(_scores(x, predicted, y, groups, difficulty), len(np.unique(groups)), cover)
    return Intervals(clone(difficulty).fit(_inputs(x, predicted), np.abs(predicted - y)), factor)


def left_out_coverage(
    x: Floats,
    predicted: Floats,
    y: Floats,
    groups: npt.NDArray[Any],
    cover: float,
    difficulty: Any,
    seed: int,
    drawn: int,
) -> tuple[float, float]:
    """The share of rows that intervals cover which the other groups calibrate, as a mean over groups left out in turn.

    And its standard deviation over samples of `drawn` groups: how much the same share may differ on so many by chance.
    """
    scores = _scores(x, predicted, y, groups, difficulty)
    names = np.unique(groups)
    rows = np.array([(groups == name).sum() for name in names])
    covered = np.array(
        [(scores[groups == name] <= _factor(scores[groups != name], len(names) - 1, cover)).sum() for name in names]
    )
    random = np.random.default_rng(seed)
    samples = [random.choice(len(names), drawn, replace=False) for _ in range(DRAWS)]
    return float(covered.sum() / rows.sum()), float(np.std([covered[s].sum() / rows[s].sum() for s in samples]))
