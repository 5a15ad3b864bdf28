"""Layer models: how long a piece of work takes, of the four kinds, chosen for each type of piece by cross-validation.

All are scikit-learn regressors of y = ln(seconds) on the columns of `features`. The analytic kinds are ANNETTE's
(Wess et al., 2021): a roofline, and a refined one whose peak shrinks where dimensions do not fill the hardware's units.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares, nnls
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mlcomp.estimator.intervals import Intervals, Range, by_all_inputs, calibrate
from mlcomp.estimator.kinds import Mixed
from mlcomp.estimator.metrics import relative_errors
from mlcomp.estimator.networks import blocks, loops
from mlcomp.estimator.networks.features import LOOPED, Floats, columns, is_blocked_convolution, natural

KINDS = ("roofline", "refined", "statistical", "mixed")
UTILISED = ("h", "w", "c x groups", "f x groups")  # dimensions that a kernel is unrolled over
STEPS = (1, 4, 6, 8, 16, 32, 64)  # that it may be unrolled by
LONGEST_FIT = 400  # rows that analytic models are fitted on
LONGEST_CALIBRATION = 1200
FOLDS = 3
FEWEST = 12  # rows that a type needs for a model of its own
FEW = 1500  # rows up to which models that grow with them are tried
LIGHT = 0.1  # share of weights in bytes, up to which a rate of their own cannot be told
STEPPED = 60  # rows from which units that kernels are unrolled by can be told
MANY = 250  # rows from which boosting is tried
BOOSTED = {"boosted trees": "squared_error", "boosted trees, median": "absolute_error"}  # few slow runs do not count
COVER = 0.9
REWEIGHTED = 6  # times that rows are weighted anew
TYPICAL_MISFIT = 0.03  # of loops; rows that fit much worse count less
CLOSE = 1.1  # times the least error, up to which mixed models are preferred: they extrapolate better
HIGHEST = 40.0  # logarithm of a rate: so fast that it costs nothing


class Roofline(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """t = max(operations / P, bytes / B), with fitted peaks P and B."""

    def seconds(self, x: Floats, parameters: Floats) -> Floats:
        compute, memory = np.exp(parameters)
        return np.asarray(np.maximum(natural(x, "ops") / compute, natural(x, "bytes") / memory))

    def begin(self, x: Floats, y: Floats) -> Floats:
        """Peaks that most rows stay below."""
        rates = [np.quantile(np.maximum(natural(x, name), 1) / np.exp(y), 0.9) for name in ("ops", "bytes")]
        return np.asarray(np.log(rates))

    def fit(self, x: Floats, y: Floats) -> Roofline:
        x, y = _part(x, y)
        self.parameters_ = _least_squares(lambda p: self.seconds(x, p), self.begin(x, y), y, 0.0, HIGHEST)
        return self

    def predict(self, x: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(self.seconds(np.asarray(x), np.asarray(self.parameters_)), 1e-9)))


class Refined(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """t = overhead + max(operations / (P u), data / B + weights / W), u = the product of utilisations.

    The utilisation of a dimension x by a unit of s is x / (ceil(x / s) s), softened to 1 / (1 - a + a / u); s and a
    are fitted for each dimension, s only if `steps` does not give them. Where weights are few, they count as data.
    """

    def __init__(self, steps: Sequence[int] | None = None) -> None:
        self.steps = steps

    def _columns(self, x: Floats, steps: Sequence[int]) -> tuple[Floats, ...]:
        """Operations, data, weights, and the waste of each dimension: 1 / utilisation - 1."""
        waste = []
        for name, step in zip(UTILISED, steps, strict=True):
            size = np.maximum(natural(x, name), 1)
            waste.append(np.ceil(size / step - 1e-6) * step / size - 1)
        data = natural(x, "in bytes") + natural(x, "out bytes")
        return natural(x, "ops"), data, natural(x, "weight bytes"), np.array(waste)

    @staticmethod
    def _seconds(columns: tuple[Floats, ...], parameters: Floats) -> Floats:
        ops, data, weights, waste = columns
        overhead, compute, memory, loading = np.exp(parameters[:4])
        time = ops / compute * np.prod(1 + parameters[4:, None] * waste, axis=0)
        return np.asarray(overhead + np.maximum(time, data / memory + weights / loading))

    def fit(self, x: Floats, y: Floats) -> Refined:
        x, y = _part(x, y)
        light = np.quantile(natural(x, "weight bytes") / np.maximum(natural(x, "bytes"), 1), 0.9) < LIGHT
        rough = Roofline().begin(x, y)
        start = np.array([y.min() - 0.5, *rough, rough[1], *(0.5,) * len(UTILISED)])
        low = np.array([-25.0, *(0.0,) * 3, *(0.0,) * len(UTILISED)])
        high = np.array([y.min() + 0.5, *(HIGHEST,) * 3, *(1.0,) * len(UTILISED)])

        def attempt(steps: Sequence[int], begin: Floats) -> tuple[float, Floats, list[int]]:
            ops, data, weights, waste = self._columns(x, steps)
            columns = (ops, data + weights, 0 * weights, waste) if light else (ops, data, weights, waste)
            found = _least_squares(lambda p: self._seconds(columns, p), begin, y, low, high)
            if light:
                found[3] = found[2]
            error = np.abs(np.log(np.maximum(self._seconds(columns, found), 1e-9)) - y).mean()
            return float(error), found, list(steps)

        best = attempt(self.steps or (1,) * len(UTILISED), start)
        for dimension, name in enumerate(UTILISED if self.steps is None else ()):
            if np.ptp(natural(x, name)) > 0:
                others = [[*best[2][:dimension], step, *best[2][dimension + 1 :]] for step in STEPS[1:]]
                best = min([best, *(attempt(steps, best[1]) for steps in others)], key=lambda t: t[0])
        self.parameters_, self.steps_ = best[1], best[2]
        return self

    def predict(self, x: Floats) -> Floats:
        columns = self._columns(np.asarray(x), self.steps_)
        return np.asarray(np.log(np.maximum(self._seconds(columns, np.asarray(self.parameters_)), 1e-9)))


class _Counted(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A time that is linear in counts: t = sum of cost times count, with fitted costs that are not negative."""

    def counts(self, x: Floats) -> Floats:
        """Counts (n, k) for rows (n, columns)."""
        raise NotImplementedError

    def fit(self, x: Floats, y: Floats) -> _Counted:
        """Least squares of relative errors, rows weighted anew by their misfit, from two first weightings."""
        counts, seconds = self.counts(x), np.exp(y)
        best = math.inf
        for weights in (1 / seconds, 1 / np.sqrt(seconds)):
            for _ in range(REWEIGHTED):
                found = self._solve(counts, seconds, weights)
                misfit = np.log(np.maximum(counts @ found, 1e-9)) - y
                error = float(np.abs(misfit).mean())
                if error < best:
                    best, self.parameters_ = error, found
                weights = 1 / np.maximum(counts @ found, seconds) / np.sqrt(1 + (misfit / TYPICAL_MISFIT) ** 2)
        return self

    @staticmethod
    def _solve(counts: Floats, seconds: Floats, weights: Floats) -> Floats:
        scale = np.maximum((counts * weights[:, None]).max(0), 1e-300)
        return np.asarray(nnls(counts * weights[:, None] / scale, seconds * weights)[0] / scale)

    def predict(self, x: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(self.counts(np.asarray(x)) @ np.asarray(self.parameters_), 1e-9)))


class Loops(_Counted):
    """The refined kind where layers are plain C."""

    def counts(self, x: Floats) -> Floats:
        return np.column_stack([np.ones(len(x)), *(natural(x, name) for name in loops.COLUMNS)])


class Blocks(_Counted):
    """The analytic part of mixed models of blocked convolutions."""

    def counts(self, x: Floats) -> Floats:
        return blocks.counts(x)


ANALYTIC: dict[str, Callable[[], Any]] = {kind.__name__: kind for kind in (Roofline, Refined, Loops, Blocks)}


def _part(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(y) <= LONGEST_FIT:
        return x, y
    chosen = np.random.default_rng(0).choice(len(y), LONGEST_FIT, replace=False)
    return x[chosen], y[chosen]


def _least_squares(
    seconds: Callable[[Floats], Floats], begin: Floats, y: Floats, low: Any = -np.inf, high: Any = np.inf
) -> Floats:
    """Parameters that make logarithms fit."""
    found = least_squares(
        lambda p: np.log(np.maximum(seconds(p), 1e-9)) - y,
        np.clip(begin, np.asarray(low) + 1e-6, np.asarray(high) - 1e-6),
        bounds=(low, high),
        loss="soft_l1",
        f_scale=0.2,
        max_nfev=15,
    )
    return np.asarray(found.x)


def regressors(rows: int, seed: int) -> dict[str, Any]:
    """Regressors of the statistical kind, and of what the analytic part of a mixed model leaves."""
    found: dict[str, Any] = {}
    if rows >= MANY:
        for label, loss in BOOSTED.items():
            found[label] = HistGradientBoostingRegressor(
                loss=loss,
                max_iter=250,
                learning_rate=0.08,
                max_leaf_nodes=24,
                min_samples_leaf=8,
                l2_regularization=1.0,
                max_features=0.5,
                early_stopping=False,
                random_state=seed,
            )
    if rows <= FEW:
        found["extra trees"] = ExtraTreesRegressor(40, min_samples_leaf=3, max_features=0.5, random_state=seed)
        found["ridge"] = make_pipeline(StandardScaler(), Ridge(10.0))
    return found


@dataclass
class LayerModel:
    """Models of one type of work: one of each kind, the kind that cross-validation prefers, its intervals."""

    name: str
    rows: int
    models: dict[str, Any]
    regressors: dict[str, str]  # which one a kind uses
    errors: dict[str, float]  # mean relative, of layers in networks that were left out
    chosen: str
    intervals: Intervals
    range: Range
    predicted: Floats = field(repr=False)  # by the chosen model, for rows left out


@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]  # threads that wait for each other are slow where others use the processor, too
def fit_layer(name: str, x: Floats, y: Floats, groups: npt.NDArray[Any], seed: int) -> LayerModel:
    """Fits all kinds to rows (n, columns) of one type of work; `groups` are the networks that they come from."""
    folds = min(FOLDS, len(np.unique(groups)))
    splits = list(GroupKFold(folds).split(x, groups=groups)) if folds > 1 else []
    refined: Loops | Refined = Loops()
    if columns(x) is not LOOPED:
        refined = Refined(Refined().fit(x, y).steps_ if len(y) >= STEPPED else (1,) * len(UTILISED))
    candidates: list[tuple[str, str, Any]] = [("roofline", "", Roofline()), ("refined", "", refined)]
    bases = [refined, Blocks()] if is_blocked_convolution(name) else [refined]
    for label, regressor in regressors(len(y), seed).items():
        candidates.append(("statistical", label, regressor))
        candidates += [("mixed", label, Mixed(base, regressor)) for base in bases]
    best: dict[str, tuple[float, str, Any, Floats]] = {}
    for kind, label, model in candidates:
        predicted = _cross_validate(model, x, y, splits)
        error = float(relative_errors(predicted, y).mean())
        if kind not in best or error < best[kind][0]:
            best[kind] = (error, label, model, predicted)
    least = min(error for error, _, _, _ in best.values())
    chosen = "mixed" if best["mixed"][0] <= CLOSE * least else min(best, key=lambda kind: best[kind][0])
    predicted = best[chosen][3]
    part = np.random.default_rng(seed).permutation(len(y))[:LONGEST_CALIBRATION]
    intervals = calibrate(x[part], predicted[part], y[part], groups[part], COVER, by_all_inputs(seed))
    return LayerModel(
        name,
        len(y),
        {kind: clone(model).fit(x, y) for kind, (_, _, model, _) in best.items()},
        {kind: label for kind, (_, label, _, _) in best.items()},
        {kind: error for kind, (error, _, _, _) in best.items()},
        chosen,
        intervals,
        Range.of(x),
        predicted,
    )


def _cross_validate(model: Any, x: Floats, y: Floats, splits: list[Any]) -> Floats:
    predicted = np.full(len(y), y.mean())
    for train, test in splits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            predicted[test] = clone(model).fit(x[train], y[train]).predict(x[test])
    return predicted
