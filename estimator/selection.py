"""Which model is best for a metric: every kind and many regressors, compared by cross-validation grouped by program."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import HuberRegressor, Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from mlcomp.estimator.design import Design, Floats
from mlcomp.estimator.kinds import Mixed, Proportional, Refined, Roofline
from mlcomp.estimator.metrics import relative_errors

FOLDS = 5
Report = Callable[[str], None]
Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen: its kind, a name, the unfitted regressor, and what comparing it costs."""

    kind: str  # mean, linear, roofline, refined, statistical, mixed or voting
    name: str
    model: Any
    cost: float = 0.0  # milliseconds of CPU for a row


def label(kind: str, name: str) -> str:
    """A model's kind and name, for people."""
    return name if name.startswith(kind) else f"{kind}, {name}"


@dataclass
class Tried:
    """What a candidate reached: mean relative error in cross-validation, and its predictions for rows left out."""

    candidate: Candidate
    error: float
    predicted: Floats = field(repr=False)  # (n,) for the rows that it was compared on


def regressors(seed: int) -> dict[str, Any]:
    """Preprocessing and regressors of the statistical kind."""

    def scaled(model: Any) -> Any:
        return make_pipeline(StandardScaler(), model)

    return {
        "extra trees, 1/10 of columns": ExtraTreesRegressor(
            60, max_features=0.1, min_samples_leaf=3, random_state=seed
        ),
        "extra trees, 1/3 of columns": ExtraTreesRegressor(
            30, max_features=0.33, min_samples_leaf=3, random_state=seed
        ),
        "gradient boosting, depth 3": GradientBoostingRegressor(
            n_estimators=300, max_depth=3, learning_rate=0.08, subsample=0.5, max_features=0.05, random_state=seed
        ),
        "ridge": scaled(Ridge(300.0)),
        "random forest": RandomForestRegressor(80, max_features=0.1, min_samples_leaf=4, random_state=seed),
        "gradient boosting, depth 5": GradientBoostingRegressor(
            n_estimators=160, max_depth=5, learning_rate=0.08, subsample=0.5, max_features=0.2, random_state=seed
        ),
        "gradient boosting, absolute error": GradientBoostingRegressor(
            loss="huber",
            alpha=0.8,
            n_estimators=200,
            max_depth=5,
            learning_rate=0.08,
            subsample=0.5,
            max_features=0.2,
            random_state=seed,
        ),
        "extra trees, all columns": ExtraTreesRegressor(16, min_samples_leaf=5, random_state=seed),
        "support vectors": scaled(SVR(C=0.3, epsilon=0.01, gamma=0.002)),
        "neural network": scaled(
            MLPRegressor(hidden_layer_sizes=(48,), alpha=1.0, early_stopping=True, max_iter=80, random_state=seed)
        ),
        "huber": scaled(HuberRegressor(epsilon=1.2, alpha=1.0, max_iter=300)),
    }


# Milliseconds of CPU for a row, all folds together, as timed on 8,940 rows of 375 columns with both threads of a core
# at work. A budget that is spent by this table, not by a clock, chooses the same models on every machine.
COSTS = {
    "extra trees, 1/10 of columns": 1.7,
    "extra trees, 1/3 of columns": 2.4,
    "gradient boosting, depth 3": 1.9,
    "ridge": 0.06,
    "random forest": 4.2,
    "gradient boosting, depth 5": 5.2,
    "gradient boosting, absolute error": 7.2,
    "extra trees, all columns": 3.0,
    "support vectors": 4.4,
    "neural network": 2.1,
    "huber": 1.8,
}
REFINED_COST = 0.1
SCREENING = 0.3  # the share of the budget for comparing all on a sample
FEWEST = 200  # rows of a sample that says anything

ROOFLINE_PRIOR = (1.0, 1.0, 0.25)  # per instruction, access and byte
STIFFNESS = (0.003, 0.0003, 0.03)
VOTERS = ("refined", "statistical", "mixed")


def priors(platform: str, metric: str, kinds: list[str]) -> list[float]:
    """What each kind of event costs by `latencies.toml`; energy goes with cycles."""
    table = tomllib.loads(Path(__file__).with_name("latencies.toml").read_text())
    core = next((name for name in table["cycles"] if platform.startswith(name)), "ibex")
    costs = table["instructions"] if metric == "instructions" else table["cycles"][core]
    if "crossings" in kinds:
        costs = {**costs, "wide_starts": 0}  # which stand for them
    return [1.0 if kind == "instructions" else float(costs.get(kind, 0.0)) for kind in kinds]


def analytic(data: Design, metric: str, platform: str) -> dict[str, Any]:
    """The analytic kinds for a design, by name."""
    work, base = data.indices("work:"), data.indices("base:")
    anchor = next(iter(data.indices(f"anchor:{metric}")), None)
    kinds = [data.columns[i].removeprefix("work:") for i in work]
    prior = priors(platform, metric, kinds)
    documented = [i for i, cost in enumerate(prior) if cost > 0]
    order = [kinds.index(k) for k in ("instructions", "loads", "stores", "bytes")]
    return {
        "roofline": Roofline([work[i] for i in order], [base[i] for i in order], ROOFLINE_PRIOR, anchor),
        **{f"refined, stiffness {s}": Refined(work, base, prior, anchor, s) for s in STIFFNESS},
        "refined, documented events": Refined(
            [work[i] for i in documented], [base[i] for i in documented], [prior[i] for i in documented], anchor, 0.003
        ),
    }


def simple(data: Design, metric: str, platform: str) -> list[Candidate]:
    """The mean, the linear model and the analytic kinds."""
    found = [
        Candidate("mean", "mean", DummyRegressor()),
        Candidate("linear", "ridge", make_pipeline(StandardScaler(), Ridge(300.0))),
    ]
    if metric == "flash":  # not a matter of events
        kinds: dict[str, Any] = {"refined": Proportional(data.columns.index("flash:"))}
    else:
        kinds = analytic(data, metric, platform)
    return found + [Candidate(name.split(",")[0], name, model) for name, model in kinds.items()]


def statistical(refined: Any, seed: int) -> list[Candidate]:
    """Every regressor, alone and as a correction of a refined model."""
    return [
        candidate
        for name, model in regressors(seed).items()
        for candidate in (
            Candidate("mixed", name, Mixed(refined, model), COSTS[name] + REFINED_COST),
            Candidate("statistical", name, model, COSTS[name]),
        )
    ]


def unseen_programs(data: Design, seed: int) -> Iterator[Split]:
    """Folds that leave out whole projects."""
    groups = GroupKFold(min(FOLDS, len(np.unique(data.projects))), shuffle=True, random_state=seed)
    yield from groups.split(data.x, groups=data.projects)


def unseen_builds(data: Design, seed: int) -> Iterator[Split]:
    """Folds that leave out ways to compile programs that are known; equal programs stay together."""
    builds = np.unique(data.builds)
    for _, left_out in KFold(FOLDS, shuffle=True, random_state=seed).split(builds):
        test = np.isin(data.builds, builds[left_out])
        yield np.flatnonzero(~test), np.flatnonzero(test)


def cross_validate(model: Any, data: Design, y: Floats, splits: list[Split]) -> Floats:
    """Predictions for every row by a model that was fitted without its fold, shape (n,)."""
    predicted = np.empty(len(y))
    for train, test in splits:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            predicted[test] = clone(model).fit(data.x[train], y[train]).predict(data.x[test])
    return predicted


def select(
    data: Design,
    metric: str,
    platform: str,
    folds: Callable[[Design, int], Iterator[Split]],
    seconds: float,
    seed: int,
    report: Report = lambda _: None,
    kinds: Collection[str] = (),
) -> list[Tried]:
    """Every candidate that was compared on all rows, the best first; then those that a sample of rows told to be worse.

    Comparing costs no more than `seconds` by `COSTS`: unless all candidates fit in, a sample decides in which order
    they are compared on all rows. The simple ones and one of each kind always are. Mixed models correct the best
    refined one. The mean of the best of three kinds is a candidate too. If there are `kinds`, which must be analytic,
    only they and the simplest ones are tried, and come before those.
    """

    def compare(candidate: Candidate, rows: Design) -> Tried:
        y = rows.targets[metric]
        predicted = cross_validate(candidate.model, rows, y, list(folds(rows, seed)))
        return note(candidate, predicted, y)

    def note(candidate: Candidate, predicted: Floats, y: Floats) -> Tried:
        error = float(relative_errors(predicted, y).mean())
        report(f"{metric}: {label(candidate.kind, candidate.name)}: {error:.2%} on {len(y)} rows")
        return Tried(candidate, error, predicted)

    def best(kind: str) -> Tried:
        return min((t for t in tried if t.candidate.kind == kind), key=lambda t: t.error)

    tried = [compare(candidate, data) for candidate in simple(data, metric, platform)]
    if kinds:
        return sorted(tried, key=lambda t: (t.candidate.kind not in kinds, t.error))
    candidates = statistical(best("refined").candidate.model, seed)
    screened: list[Tried] = []
    milliseconds = 1000 * seconds
    cost = sum(c.cost for c in candidates)
    sample = int(SCREENING * milliseconds / cost)
    if cost * len(data) > milliseconds and sample >= FEWEST:
        part = data.rows(np.random.default_rng(seed).permutation(len(data))[:sample])
        screened = sorted((compare(c, part) for c in candidates), key=lambda t: t.error)
        candidates = [t.candidate for t in screened]
        milliseconds *= 1 - SCREENING
    # The best of each kind that half of the rest pays for, then what the rest pays for.
    by_kind = {kind: [c for c in candidates if c.kind == kind] for kind in ("statistical", "mixed")}
    share = milliseconds / len(by_kind)
    full = [next((c for c in mine if c.cost * len(data) <= share), mine[0]) for mine in by_kind.values()]
    milliseconds -= sum(c.cost for c in full) * len(data)
    for candidate in candidates:
        if candidate not in full and candidate.cost * len(data) <= milliseconds:
            milliseconds -= candidate.cost * len(data)
            full.append(candidate)
    tried += [compare(candidate, data) for candidate in full]
    voters = [best(kind) for kind in VOTERS]
    together = VotingRegressor([(v.candidate.kind, v.candidate.model) for v in voters])
    voted = np.mean([v.predicted for v in voters], axis=0)
    tried.append(note(Candidate("voting", "mean of " + ", ".join(VOTERS), together), voted, data.targets[metric]))
    return sorted(tried, key=lambda t: t.error) + [t for t in screened if t.candidate not in full]
