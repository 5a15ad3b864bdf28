"""The kinds of layer models: roofline, refined, statistical, mixed; for code here, as ANNETTE has them for networks.

All are scikit-learn regressors of y = ln(metric / baseline's metric) on a design's inputs. The analytic kinds cost the
events that candidate and baseline execute. If the baseline has been measured (`anchor`), they cost the difference,
which leaves out what neither changes: libraries, start-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from sklearn.base import BaseEstimator, RegressorMixin, clone

Floats = npt.NDArray[np.float64]

LEAST = 0.02  # of the ratio that an analytic model can predict
LONGEST_FIT = 4000  # rows that the parameters of analytic models are fitted on


class _Analytic(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A cost in terms of events, `cost(events, parameters)`, whose parameters are fitted to ratios.

    Parameters
    ----------
    work, base : sequence of int
        Columns with the events of candidate and baseline, kind by kind.
    anchor : int or None
        Column with the baseline's measured metric.
    """

    def __init__(self, work: Sequence[int], base: Sequence[int], anchor: int | None = None) -> None:
        self.work = work
        self.base = base
        self.anchor = anchor

    def start(self) -> Floats:
        """Parameters to begin with; all stay positive."""
        raise NotImplementedError

    def cost(self, events: Floats, parameters: Floats) -> Floats:
        """What events (n, k) cost, shape (n,), in any unit."""
        raise NotImplementedError

    def _ratio(self, x: Floats, parameters: Floats) -> Floats:
        overhead, costs = parameters[0], parameters[1:]
        new, old = self.cost(x[:, self.work], costs), self.cost(x[:, self.base], costs)
        if self.anchor is not None:
            return 1 + (new - old) / x[:, self.anchor]
        return (new + overhead) / (old + overhead)

    def fit(self, x: Floats, y: Floats) -> _Analytic:
        if len(y) > LONGEST_FIT:
            part = np.random.default_rng(0).choice(len(y), LONGEST_FIT, replace=False)
            x, y = x[part], y[part]
        scale = 1.0 if self.anchor is None else float(np.median(x[:, self.anchor]))
        begin = np.concatenate([[0.05], self.start() * scale])

        def error(parameters: Floats) -> Floats:
            return np.log(np.maximum(self._ratio(x, parameters), LEAST)) - y

        found = least_squares(error, begin, bounds=(0, np.inf), loss="soft_l1", f_scale=0.03, max_nfev=60)
        self.parameters_ = found.x
        return self

    def predict(self, x: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(self._ratio(np.asarray(x), self.parameters_), LEAST)))


class Roofline(_Analytic):
    """The slowest of three: issuing instructions, accessing memory, fetching code; each at a fitted rate.

    The first columns of `work` and `base` are instructions, loads, stores and bytes of code.
    """

    def start(self) -> Floats:
        return np.array([1.0, 0.5, 0.1])

    def cost(self, events: Floats, parameters: Floats) -> Floats:
        resources = np.column_stack([events[:, 0], events[:, 1] + events[:, 2], events[:, 3]])
        return np.asarray((resources * parameters).max(1))


class Refined(_Analytic):
    """Every kind of event has its own cost: taken branches, waits for loads, divisions, calls of libraries, ..."""

    def start(self) -> Floats:
        return np.where(np.arange(len(self.work)) == 0, 1.0, 0.1)

    def cost(self, events: Floats, parameters: Floats) -> Floats:
        return np.asarray(events @ parameters)


class Mixed(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A statistical model of what an analytic one leaves: y = analytic(x) + rest(x, analytic(x))."""

    def __init__(self, analytic: _Analytic, rest: Any) -> None:
        self.analytic = analytic
        self.rest = rest

    def fit(self, x: Floats, y: Floats) -> Mixed:
        self.analytic_ = clone(self.analytic).fit(x, y)
        rough = self.analytic_.predict(x)
        self.rest_ = clone(self.rest).fit(np.column_stack([x, rough]), y - rough)
        return self

    def predict(self, x: Floats) -> Floats:
        rough = self.analytic_.predict(x)
        return np.asarray(rough + self.rest_.predict(np.column_stack([x, rough])))
