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
    """A cost in terms of events: what is charged of them times parameters, which are fitted to ratios.

    Parameters
    ----------
    work, base : sequence of int
        Columns with the events of candidate and baseline, kind by kind.
    prior : sequence of float
        Parameters as they are documented, which fitted ones stay near.
    anchor : int or None
        Column with the baseline's measured metric.
    stiffness : float
        How much being twice or half the prior counts, as a share of the rows' errors.
    """

    def __init__(
        self,
        work: Sequence[int],
        base: Sequence[int],
        prior: Sequence[float],
        anchor: int | None = None,
        stiffness: float = 0.001,
    ) -> None:
        self.work = work
        self.base = base
        self.prior = prior
        self.anchor = anchor
        self.stiffness = stiffness

    def charged(self, events: Floats, parameters: Floats) -> Floats:
        """What of events (n, k) each of the parameters (p,) is charged for, shape (n, p)."""
        raise NotImplementedError

    def _ratio(self, x: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        """Predicted ratios (n,), and their derivatives by the parameters (n, 1 + p)."""
        overhead, costs = parameters[0], parameters[1:]
        new, old = self.charged(x[:, self.work], costs), self.charged(x[:, self.base], costs)
        if self.anchor is not None:
            slopes = (new - old) / x[:, self.anchor][:, None]
            return 1 + slopes @ costs, np.column_stack([np.zeros(len(x)), slopes])
        under = old @ costs + overhead
        ratio = (new @ costs + overhead) / under
        slopes = np.column_stack([1 - ratio, new - ratio[:, None] * old])
        return ratio, slopes / under[:, None]

    def fit(self, x: Floats, y: Floats) -> _Analytic:
        if len(y) > LONGEST_FIT:
            part = np.random.default_rng(0).choice(len(y), LONGEST_FIT, replace=False)
            x, y = x[part], y[part]
        prior = np.asarray(self.prior, np.float64)
        if self.anchor is not None:  # in the metric's unit
            prior = prior * float(np.median(x[:, self.anchor] / (self.charged(x[:, self.base], prior) @ prior)))
        begin = np.concatenate([[0.05], prior])
        width = prior + 0.3 * prior.max()
        weight = np.sqrt(self.stiffness * len(y))

        def error(parameters: Floats) -> Floats:
            misfit = np.log(np.maximum(self._ratio(x, parameters)[0], LEAST)) - y
            return np.concatenate([misfit, weight * (parameters[1:] - prior) / width])

        def derivatives(parameters: Floats) -> Floats:
            ratio, slopes = self._ratio(x, parameters)
            of_misfit = np.where(ratio > LEAST, 1 / np.maximum(ratio, LEAST), 0)[:, None] * slopes
            return np.vstack([of_misfit, np.column_stack([np.zeros(len(prior)), np.diag(weight / width)])])

        scale = np.concatenate([[1.0], width])
        found = least_squares(
            error,
            begin + 1e-6,
            derivatives,
            bounds=(0, np.inf),
            x_scale=scale,
            loss="soft_l1",
            f_scale=0.03,
            max_nfev=60,
        )
        self.parameters_ = found.x
        return self

    def predict(self, x: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(self._ratio(np.asarray(x), self.parameters_)[0], LEAST)))


class Roofline(_Analytic):
    """The slowest of three: issuing instructions, accessing memory, fetching code; each at a fitted rate.

    Columns of `work` and `base` are instructions, loads, stores and bytes of code.
    """

    def charged(self, events: Floats, parameters: Floats) -> Floats:
        resources = np.column_stack([events[:, 0], events[:, 1] + events[:, 2], events[:, 3]])
        slowest = (resources * parameters).argmax(1)
        return np.where(np.arange(3) == slowest[:, None], resources, 0)


class Refined(_Analytic):
    """Every kind of event has its own cost: taken branches, waits for loads, divisions, calls of libraries, ..."""

    def charged(self, events: Floats, parameters: Floats) -> Floats:
        return events


class Proportional(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """One input times a fitted factor: of size, what the object files have, for what the linker leaves."""

    def __init__(self, column: int) -> None:
        self.column = column

    def fit(self, x: Floats, y: Floats) -> Proportional:
        found = least_squares(lambda factor: factor * x[:, self.column] - y, [1.0], loss="soft_l1", f_scale=0.01)
        self.factor_ = float(found.x[0])
        return self

    def predict(self, x: Floats) -> Floats:
        return np.asarray(self.factor_ * np.asarray(x)[:, self.column])


class Mixed(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A statistical model of what an analytic one leaves: y = analytic(x) + rest(x, analytic(x))."""

    def __init__(self, analytic: Any, rest: Any) -> None:
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
