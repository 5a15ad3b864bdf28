"""Fits the Performance Estimator of a platform, saves it as data files, and predicts with it.

An estimator is a folder: `estimator.json` with names of columns, tables and ranges, and ONNX models for each setting
and metric. Models are chosen by cross-validation on training and validation programs; test programs are only for
`evaluate`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.base import clone

from mlcomp.estimator.design import COUNTS, TARGETS, DataError, Design, Floats
from mlcomp.estimator.intervals import Intervals, Range, calibrate, left_out_coverage
from mlcomp.estimator.metrics import relative_errors, summary
from mlcomp.estimator.onnx_export import export
from mlcomp.estimator.selection import Tried, cross_validate, label, select, unseen_builds, unseen_programs

FORMAT = 2
COVER = 0.9
LEARNING = (0.1, 0.2, 0.4, 0.7, 1.0)  # shares of the projects
FEWEST = 3
POINTS = 400
PARITY = 1e-3  # of logarithms, between scikit-learn and ONNX Runtime
MANIFEST = "estimator.json"
Report = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What decides an estimator, beside the data."""

    platform: str
    seconds: float = 80.0  # of CPU, by `selection.COSTS`, to choose each metric's model in each setting
    seed: int = 0
    jobs: int = 1  # metrics at once


@dataclass
class Fitted:
    """The model of a metric in a setting: unseen programs, with static or profiled counts."""

    setting: str
    metric: str
    model: Any
    intervals: Intervals
    range: Range
    tried: list[Tried]

    def predict(self, x: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """ln(ratio), half width of its interval, and whether the row is outside of what was fitted; (n,) each."""
        predicted = np.asarray(self.model.predict(x))
        outside = self.range.outside(x)
        return predicted, self.intervals.half_widths(x, predicted, outside), outside


def fit_metric(
    data: Design, setting: str, metric: str, settings: Settings, report: Report, kinds: Collection[str] = ()
) -> Fitted:
    """Chooses and fits the model of a metric for programs that are not seen; raises `DataError` if there are few.

    It is one of `kinds`, if there are any.
    """
    _check_projects(data, FEWEST)

    def say(text: str) -> None:
        report(f"{setting} counts, {text}")

    tried = select(data, metric, settings.platform, unseen_programs, settings.seconds, settings.seed, say, kinds)
    best = tried[0]
    say(f"{metric}: {label(best.candidate.kind, best.candidate.name)} is chosen; fitting it and its intervals")
    y = data.targets[metric]
    intervals = calibrate(data.x, best.predicted, y, data.projects, COVER, data.difficulty(settings.seed))
    return Fitted(setting, metric, best.candidate.model.fit(data.x, y), intervals, Range.of(data.x), tried)


def _check_projects(data: Design, fewest: int) -> None:
    if len(np.unique(data.projects)) < fewest:
        raise DataError(f"the profile store has fewer than {fewest} projects for training and validation")


def fit(designs: dict[str, Design], settings: Settings, report: Report = lambda _: None) -> list[Fitted]:
    """All metrics of a platform in the settings of `COUNTS`, from the rows of training and validation programs."""
    fit_one = delayed(fit_metric)
    return list(Parallel(settings.jobs)(fit_one(*work, settings, report) for work in _work(designs)))


def _work(designs: dict[str, Design]) -> list[tuple[Design, str, str]]:
    """What there is a model for: rows of training and validation programs, a setting and a metric."""
    known = {setting: data.rows(data.splits != "test") for setting, data in designs.items()}
    return [
        (known[setting], setting, metric)
        for setting in COUNTS
        for metric in known[setting].targets
        if metric != "flash" or setting == "static"  # it knows no executions
    ]


def has_test_programs(designs: dict[str, Design]) -> bool:
    """Whether there is something to evaluate on."""
    return all((data.splits == "test").any() for data in designs.values())


def evaluate(fitted: list[Fitted], designs: dict[str, Design], jobs: int = 1) -> dict[str, Any]:
    """Figures on the test programs, by setting and metric: of the chosen model, and of the best of each kind.

    Raises `DataError` if there are no test programs.
    """
    if not has_test_programs(designs):
        raise DataError("the profile store has no test programs")
    rows = Parallel(jobs)(delayed(evaluate_metric)(one, designs[one.setting]) for one in fitted)
    return _by_setting([(one.setting, one.metric) for one in fitted], rows)


def _by_setting(keys: Sequence[tuple[str, str]], rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by their setting and metric."""
    table: dict[str, dict[str, Any]] = {}
    for (setting, metric), row in zip(keys, rows, strict=True):
        table.setdefault(setting, {})[metric] = row
    return table


def evaluate_metric(fitted: Fitted, data: Design) -> dict[str, Any]:
    """Figures on the test programs of one metric's models."""
    known, test = data.rows(data.splits != "test"), data.rows(data.splits == "test")
    y = test.targets[fitted.metric]
    predicted, half, outside = fitted.predict(test.x)
    kinds: dict[str, Any] = {}
    parts = getattr(fitted.model, "named_estimators_", {})  # of a voting model, by kind
    for tried in fitted.tried:
        kind = tried.candidate.kind
        if kind not in kinds:  # the best comes first
            other = fitted.model if tried is fitted.tried[0] else parts.get(kind)
            if other is None:
                other = clone(tried.candidate.model).fit(known.x, known.targets[fitted.metric])
            kinds[kind] = {"model": tried.candidate.name, **summary(other.predict(test.x), y, test.programs)}
    return {
        "chosen": {"kind": fitted.tried[0].candidate.kind, "model": fitted.tried[0].candidate.name},
        **summary(predicted, y, test.programs),
        "coverage": float((np.abs(predicted - y) <= half).mean()),
        "left_out_coverage": left_out(fitted, data),
        "mean_half_width": float(half.mean()),
        "outside": float(outside.mean()),
        "kinds": kinds,
        "learning": learning_curve(fitted, known, test),
        "points": points(predicted, y),
        "by_program": {
            str(p): summary(predicted[test.programs == p], y[test.programs == p], test.programs[test.programs == p])
            for p in np.unique(test.programs)
        },
    }


def evaluate_choice(
    designs: dict[str, Design], settings: Settings, report: Report = lambda _: None
) -> dict[str, dict[str, Any]]:
    """Figures of the choice itself, by setting and metric, from training and validation programs.

    In nested cross-validation: each fifth of the projects is predicted by a model that is chosen without it.
    """
    evaluate_one = delayed(evaluate_choice_of_metric)
    work = _work(designs)
    rows = Parallel(settings.jobs)(evaluate_one(*one, settings, report) for one in work)
    return _by_setting([(setting, metric) for _, setting, metric in work], rows)


def evaluate_choice_of_metric(
    data: Design, setting: str, metric: str, settings: Settings, report: Report
) -> dict[str, Any]:
    """Figures of one metric's choice: what it promises, and what it keeps for projects that it did not know."""
    _check_projects(data, FEWEST + 1)

    def choose(known: Design, part: str) -> Tried:
        def say(text: str) -> None:
            report(f"{setting} counts, {part}, {text}")

        return select(known, metric, settings.platform, unseen_programs, settings.seconds, settings.seed, say)[0]

    def described(best: Tried) -> dict[str, Any]:
        return {"kind": best.candidate.kind, "model": best.candidate.name, "promised_error": best.error}

    predicted = np.empty(len(data))
    folds: list[dict[str, Any]] = []
    for train, test in unseen_programs(data, settings.seed):
        known = data.rows(train)
        best = choose(known, f"part {len(folds) + 1} left out")
        folds.append(described(best))
        model = clone(best.candidate.model).fit(known.x, known.targets[metric])
        predicted[test] = model.predict(data.x[test])
    return {
        "chosen": described(choose(data, "nothing left out")),
        "folds": folds,
        **summary(predicted, data.targets[metric], data.programs),
    }


def left_out(fitted: Fitted, data: Design) -> dict[str, float]:
    """What intervals cover if any project is left out, and how samples as large as the tested one differ."""
    model, y = fitted.tried[0].candidate.model, data.targets[fitted.metric]
    predicted = cross_validate(model, data, y, list(unseen_programs(data, 0)))
    tested = len(np.unique(data.projects[data.splits == "test"]))
    mean, deviation = left_out_coverage(
        data.x, predicted, y, data.projects, COVER, fitted.intervals.difficulty, 0, tested
    )
    return {"mean": mean, "deviation": deviation}


def learning_curve(fitted: Fitted, known: Design, test: Design) -> list[dict[str, float]]:
    """Mean error on the test programs of the chosen model, fitted on ever more projects, in a seeded order."""
    projects = np.unique(known.projects)
    order = np.random.default_rng(0).permutation(projects)
    model, y = fitted.tried[0].candidate.model, test.targets[fitted.metric]
    curve = []
    for share in LEARNING:
        count = max(FEWEST, round(share * len(order)))
        part = known.rows(np.isin(known.projects, order[:count]))
        whole = count == len(order)
        predicted = (fitted.model if whole else clone(model).fit(part.x, part.targets[fitted.metric])).predict(test.x)
        curve.append({"projects": count, "rows": len(part), "mean_error": float(relative_errors(predicted, y).mean())})
    return curve


def points(predicted: Floats, y: Floats) -> dict[str, list[float]]:
    """Ratios as predicted and as measured, of a seeded sample of rows."""
    chosen = np.random.default_rng(0).permutation(len(y))[:POINTS]
    return {
        "predicted": np.exp(predicted[chosen]).round(4).tolist(),
        "measured": np.exp(y[chosen]).round(4).tolist(),
    }


def evaluate_seen(designs: dict[str, Design], settings: Settings, report: Report = lambda _: None) -> dict[str, Any]:
    """MLComp's setting: known programs, builds that were not seen. Errors of the test programs, by metric.

    The model is chosen on training and validation programs; then each fold's builds of the test programs are predicted
    from the other builds of all programs.
    """
    data = designs["profiled"]
    rows = Parallel(settings.jobs)(delayed(evaluate_seen_metric)(data, m, settings, report) for m in data.targets)
    return dict(zip(data.targets, rows, strict=True))


def evaluate_seen_metric(data: Design, metric: str, settings: Settings, report: Report) -> dict[str, Any]:
    """Figures on the test programs of one metric, in MLComp's setting."""

    def say(text: str) -> None:
        report(f"seen programs, {text}")

    usual = data.rows(data.splits != "test")
    tried = select(usual, metric, settings.platform, unseen_builds, settings.seconds, settings.seed, say)
    best = tried[0].candidate
    y = data.targets[metric]
    predicted = np.full(len(data), np.nan)
    for train, test in unseen_builds(data, settings.seed):
        predicted[test] = clone(best.model).fit(data.x[train], y[train]).predict(data.x[test])
    mine = data.splits == "test"
    kinds: dict[str, float] = {}
    for one in tried:  # the best comes first
        kinds.setdefault(one.candidate.kind, one.error)
    return {
        "chosen": {"kind": best.kind, "model": best.name},
        "kinds_in_choice": kinds,
        **summary(predicted[mine], y[mine], data.programs[mine]),
    }


def save(fitted: list[Fitted], designs: dict[str, Design], settings: Settings, out: Path) -> None:
    """Writes the estimator's folder, whole or not at all; proves that ONNX Runtime predicts the same."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".estimator-") as scratch:
        folder = Path(scratch, "made")
        folder.mkdir()
        models = []
        for one in fitted:
            data = designs[one.setting]
            x = data.x.astype(np.float32)
            name = f"{one.setting}-{one.metric}"
            (folder / f"{name}.onnx").write_bytes(export(one.model, x.shape[1]).SerializeToString())
            width = export(one.intervals.difficulty, x.shape[1] + 2)
            (folder / f"{name}-difficulty.onnx").write_bytes(width.SerializeToString())
            found = run_onnx(folder / f"{name}.onnx", x)
            worst = float(np.abs(found - one.model.predict(x.astype(np.float64))).max())
            # A float32 input can fall on the other side of a split.
            usual = float(np.quantile(np.abs(found - one.model.predict(x.astype(np.float64))), 0.99))
            if usual > PARITY:
                raise DataError(f"{name}: ONNX Runtime predicts differently, by {usual:.4f}")
            models.append(
                {
                    "setting": one.setting,
                    "metric": one.metric,
                    "columns": list(data.columns),
                    "factor": one.intervals.factor,
                    "low": one.range.low.tolist(),
                    "high": one.range.high.tolist(),
                    "parity": {"p99": usual, "worst": worst},
                    "tried": [
                        {
                            "kind": t.candidate.kind,
                            "model": t.candidate.name,
                            "mean_error": t.error,
                            "rows": len(t.predicted),
                        }
                        for t in one.tried
                    ],
                }
            )
        manifest = {
            "format": FORMAT,
            "platform": settings.platform,
            "seed": settings.seed,
            "cover": COVER,
            "rows": {s: len(d) for s, d in designs.items()},
            "models": models,
            "sha256": {path.name: _digest(path) for path in sorted(folder.glob("*.onnx"))},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        if out.exists():
            shutil.rmtree(out)
        folder.replace(out)


def run_onnx(path: Path, x: npt.NDArray[np.float32]) -> Floats:
    """Outputs of a model (n,) for inputs (n, d), by ONNX Runtime."""
    from mlcomp.policies.inference import open_model

    return np.asarray(open_model(path).run(None, {"x": x})[0], np.float64).ravel()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Estimator:
    """A saved estimator; predicts by ONNX Runtime.

    Raises `DataError` if the folder is none, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / MANIFEST).exists():
            raise DataError(f"there is no estimator at '{folder}'; mlcomp estimator fit makes one")
        try:
            self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
            if self.manifest["format"] != FORMAT:
                raise DataError(f"estimator '{folder}' is of another version of mlcomp: fit it again")
            dict(self.manifest["sha256"])
            self._models = {(m["setting"], m["metric"]): m for m in self.manifest["models"]}
            damaged = next((key for key, m in self._models.items() if not _is_whole(*key, m)), None)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise DataError(f"'{folder}' is no estimator: its {MANIFEST} is damaged") from problem
        if damaged or not self._models:
            raise DataError(f"'{folder}' is no estimator: its {MANIFEST} describes no model that can be used")

    @cached_property
    def keys(self) -> list[tuple[str, str]]:
        """Settings and metrics that can be predicted."""
        return list(self._models)

    def predict(
        self, setting: str, metric: str, columns: tuple[str, ...], x: Floats
    ) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """ln(ratio), half width, outside; for inputs (n, d) with these columns, of which not all need be known."""
        if (setting, metric) not in self._models:
            raise DataError(f"estimator '{self.folder}' has no model of {metric} for {setting} counts")
        model = self._models[setting, metric]
        missing = [name for name in model["columns"] if name not in columns]
        if missing:
            raise DataError(f"the input lacks '{missing[0]}', which the estimator needs")
        places = {name: i for i, name in enumerate(columns)}
        x = x[:, [places[name] for name in model["columns"]]]
        if not np.isfinite(x).all():
            raise DataError("the input has values that are no numbers")
        predicted = self._run(f"{setting}-{metric}.onnx", x)
        difficulty = self._run(
            f"{setting}-{metric}-difficulty.onnx", np.column_stack([x, predicted, np.abs(predicted)])
        )
        outside = Range(np.array(model["low"]), np.array(model["high"])).outside(x)
        return predicted, Intervals(_Constant(difficulty), model["factor"]).half_widths(x, predicted, outside), outside

    def _run(self, name: str, x: Floats) -> Floats:
        path = self.folder / name
        if not path.exists() or _digest(path) != self.manifest["sha256"].get(name):
            raise DataError(f"'{self.folder}' is no estimator: {name} is missing or damaged; fit it again")
        return run_onnx(path, x.astype(np.float32))


def _is_whole(setting: str, metric: str, model: dict[str, Any]) -> bool:
    """Whether what the manifest says of a model can be used; raises `KeyError`, `ValueError` or `TypeError` if not."""
    low, high, width = np.array(model["low"], float), np.array(model["high"], float), len(model["columns"])
    return (
        setting in COUNTS
        and metric in TARGETS
        and low.shape == high.shape == (width,)
        and bool(np.isfinite([low, high]).all())
        and 0 < float(model["factor"]) < np.inf
    )


@dataclass(frozen=True)
class _Constant:
    """Difficulties that are known already."""

    values: Floats

    def predict(self, _: Floats) -> Floats:
        return self.values
