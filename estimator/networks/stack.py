"""Platform models: a mapping model and layer models stacked, fitted, kept as data files, and used for estimates.

A platform model is a folder: `network-platform.json` with rules, analytic models and tables, and ONNX models of what
is statistical. An estimate of a network is the sum of its pieces' times and of what each piece and each run cost
beside; its interval is calibrated on networks that the layer models had not seen.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from mlcomp.estimator.intervals import LEAST, Range
from mlcomp.estimator.networks.bench import samples
from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.features import COLUMNS, LOOPED, Floats, columns, natural, operator, table, types
from mlcomp.estimator.networks.graph import Network, NetworkError
from mlcomp.estimator.networks.layers import ANALYTIC, COVER, FEWEST, LayerModel, Refined, fit_layer
from mlcomp.estimator.networks.mapping import MappingModel, learn
from mlcomp.estimator.networks.runtime import CLOCKS
from mlcomp.estimator.networks.store import Measured
from mlcomp.policies.inference import open_model

FORMAT = 2
MANIFEST = "network-platform.json"
COMMON = 0.2  # of layers' errors that are the same for all layers of a network
SMALLEST = 0.1  # of a piece's measured time, that is left when the profiler's share is taken off
AUTO = "auto"  # for each type the kind that cross-validation prefers
UNKNOWN = "other"
Report = Callable[[str], None]


@dataclass(frozen=True)
class Total:
    """seconds = scale * (sum of pieces) + constant, where each measured piece has `profiled` seconds too much."""

    scale: float = 1.0
    profiled: float = 0.0
    constant: float = 0.0

    def pieces(self, measured: Floats) -> Floats:
        """What pieces contribute to the whole, from their seconds as they are measured."""
        return np.asarray(self.scale * np.maximum(measured - self.profiled, SMALLEST * measured))

    @classmethod
    def of(cls, rows: Sequence[Measured]) -> Total:
        """From networks that were measured both as a whole and piece by piece."""
        whole = [row for row in rows if row.total]
        if len(whole) < FEWEST:
            return cls()
        total = np.array([row.total for row in whole])
        pieces = np.array([[sum(p.seconds for p in r.mapping.executed), len(r.mapping.executed)] for r in whole])
        x = np.column_stack([pieces[:, 0], -1e-6 * pieces[:, 1], np.full(len(whole), 1e-6)]) / total[:, None]
        found = least_squares(lambda p: x @ p - 1, [1.0, 1.0, 1.0], bounds=(0, np.inf), loss="soft_l1", f_scale=0.03).x
        return cls(float(found[0]), float(found[1] * 1e-6), float(found[2] * 1e-6))


def without_drift(rows: Sequence[Measured]) -> list[Measured]:
    """Rows as if the machine had always been as fast as in the middle of all, by the reference kernel."""
    references = [row.reference for row in rows if row.reference]
    if not references:
        return list(rows)
    middle = float(np.median(references))
    found = []
    for row in rows:
        factor = middle / row.reference if row.reference else 1.0
        pieces = tuple(Executed(p.kind, p.layers, p.tensor, p.seconds * factor) for p in row.mapping.executed)
        total = row.total * factor if row.total else None
        found.append(Measured(row.platform, row.name, Mapping(row.mapping.network, pieces), total, middle))
    return found


@dataclass
class Fitted:
    """A platform model before it is saved."""

    platform: str
    mapping: MappingModel
    layers: dict[str, LayerModel]
    kin: dict[str, str]  # types without a model of their own: the type whose model they use
    total: Total
    other: dict[str, Any]  # the model of unknown operators
    factor: float  # of intervals of whole networks
    rows: int
    networks: int
    reference: float | None  # seconds of the reference kernel that times are relative to
    columns: tuple[str, ...]  # that layer models have


def fit(platform: str, rows: Sequence[Measured], seed: int, report: Report = lambda _: None) -> Fitted:
    """Learns the mapping and fits all layer models."""
    rows = without_drift([row for row in rows if row.platform == platform])
    if not rows:
        raise NetworkError(f"there are no measurements of platform '{platform}'")
    mapping = learn(row.mapping for row in rows)
    report(f"mapping: {', '.join(f'{n} rules to {a}' for a, n in mapping.actions.items())}")
    total = Total.of(rows)
    x, y, names = samples([row.mapping for row in rows], platform in CLOCKS)
    groups = np.repeat([row.name for row in rows], [len(row.mapping.executed) for row in rows])
    layers = {}
    predicted = np.full(len(y), np.nan)
    for name, count in Counter(names).most_common():
        mine = names == name
        if count >= FEWEST and len(np.unique(groups[mine])) > 1:
            layers[name] = fit_layer(name, x[mine], y[mine], groups[mine], seed)
            predicted[mine] = layers[name].predicted
            shown = ", ".join(f"{kind} {error:.1%}" for kind, error in layers[name].errors.items())
            report(f"{name}: {count} rows; {shown}; {layers[name].chosen}")
    if not layers:
        raise NetworkError(f"too few measurements: a type of layer needs {FEWEST}, of two networks at least")
    other = _other(x, y)
    widths = np.full(len(y), other["width"])
    for name, layer in layers.items():
        mine = names == name
        outside = np.zeros(int(mine.sum()), bool)
        widths[mine] = layer.intervals.half_widths(x[mine], layer.predicted, outside)
    known = np.where(np.isnan(predicted), _by_bytes(x, other), predicted)
    factor = _whole(rows, known, widths, total)
    kin = _kin(list(layers), names)
    return Fitted(
        platform, mapping, layers, kin, total, other, factor, len(y), len(rows), rows[0].reference, columns(x)
    )


def _other(x: Floats, y: Floats) -> dict[str, Any]:
    """Any piece by its bytes: ln(overhead + bytes / rate), with an interval that covers most of all types."""
    size = natural(x, "bytes")

    def error(p: Floats) -> Floats:
        return np.asarray(np.log(np.exp(p[0]) + size / np.exp(p[1])) - y)

    found = least_squares(error, [float(np.quantile(y, 0.05)), 22.0], loss="soft_l1", f_scale=0.3)
    return {"parameters": found.x.tolist(), "width": float(np.quantile(np.abs(error(found.x)), 0.95))}


def _by_bytes(x: Floats, other: dict[str, Any]) -> Floats:
    overhead, rate = np.exp(other["parameters"])
    return np.asarray(np.log(overhead + natural(x, "bytes") / rate))


def _kin(known: Sequence[str], names: npt.NDArray[np.str_]) -> dict[str, str]:
    """For types that were seen too seldom, the most similar one of the same operator, the most frequent of these."""
    counts = Counter(names.tolist())
    found = {}
    for name in counts:
        alike = [k for k in known if operator(k) == operator(name)]
        if name not in known and alike:
            found[name] = max(alike, key=lambda k: (-len(notes(k) ^ notes(name)), counts[k]))
    for name in known:
        best = found.get(operator(name))
        if best is None or counts[name] > counts[best]:
            found[operator(name)] = name
    return {name: kin for name, kin in found.items() if name not in known}


def notes(name: str) -> set[str]:
    """What a type says beside the operator."""
    return set(name.split(", ")[1:])


def half_width(seconds: Floats, widths: Floats) -> float:
    """Of a network's time relative to it, from its pieces' times and their half widths in logarithms."""
    errors = seconds * np.expm1(np.minimum(widths, 2.0))
    return float(np.sqrt((errors**2).sum() + (COMMON * errors.sum()) ** 2) / seconds.sum())


def _whole(rows: Sequence[Measured], predicted: Floats, widths: Floats, total: Total) -> float:
    """What half widths of whole networks must be multiplied with to cover, in networks that were left out."""
    scores = []
    end = 0
    for row in rows:
        begin, end = end, end + len(row.mapping.executed)
        if row.total:
            seconds = total.pieces(np.exp(predicted[begin:end]))
            estimate = seconds.sum() + total.constant
            scores.append(abs(row.total / estimate - 1) / half_width(seconds, widths[begin:end]))
    return float(np.quantile(scores, COVER)) if len(scores) >= FEWEST else 1.0


def save(fitted: Fitted, out: Path) -> None:
    """Writes a platform model, whole or not at all."""
    import onnx

    from mlcomp.estimator.onnx_export import export

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".writing-") as scratch:
        folder = Path(scratch, "platform")
        folder.mkdir()
        layers = {}
        for number, (name, layer) in enumerate(fitted.layers.items()):
            width = len(fitted.columns)
            used = [i for i in range(width) if layer.range.low[i] < layer.range.high[i]]
            rest = layer.models["mixed"].rest_
            for kind, model, more in (
                ("statistical", layer.models["statistical"], 0),
                ("mixed", rest, 1),
                ("difficulty", layer.intervals.difficulty, 2),
            ):
                onnx.save(export(model, width + more), folder / f"{number}-{kind}.onnx")
            layers[name] = {
                "number": number,
                "rows": layer.rows,
                "chosen": layer.chosen,
                "errors": layer.errors,
                "regressors": layer.regressors,
                "roofline": layer.models["roofline"].parameters_.tolist(),
                "refined": layer.models["refined"].parameters_.tolist(),
                "steps": getattr(layer.models["refined"], "steps_", []),
                "mixed": layer.models["mixed"].analytic_.parameters_.tolist(),
                "analytic": {
                    kind: type(getattr(model, "analytic_", model)).__name__
                    for kind, model in layer.models.items()
                    if kind != "statistical"
                },
                "factor": layer.intervals.factor,
                "low": {fitted.columns[i]: layer.range.low[i] for i in used},
                "high": {fitted.columns[i]: layer.range.high[i] for i in used},
            }
        manifest = {
            "format": FORMAT,
            "platform": fitted.platform,
            "networks": fitted.networks,
            "rows": fitted.rows,
            "reference": fitted.reference,
            "clock": CLOCKS.get(fitted.platform),
            "cover": COVER,
            "columns": fitted.columns,
            "total": vars(fitted.total),
            "factor": fitted.factor,
            "other": fitted.other,
            "kin": fitted.kin,
            "layers": layers,
            "mapping": fitted.mapping.to_json(),
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        if out.exists():
            shutil.rmtree(out)
        folder.replace(out)


@dataclass(frozen=True)
class Row:
    """The estimate of a piece of work."""

    piece: Executed
    type: str
    model: str  # the type whose model was used
    seconds: float
    width: float  # half width of the interval of its logarithm
    outside: bool  # beyond what was measured

    @property
    def unknown(self) -> bool:
        return self.model == UNKNOWN


@dataclass(frozen=True)
class Estimate:
    """The estimate of a network."""

    mapping: Mapping
    x: Floats
    rows: tuple[Row, ...]
    seconds: float
    low: float
    high: float


class NetworkPlatform:
    """A saved platform model; estimates by ONNX Runtime. Raises `NetworkError` if the folder is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sessions: dict[str, Any] = {}
        try:
            self.manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
            self.columns = tuple(self.manifest["columns"])
            if self.manifest["format"] != FORMAT or self.columns not in (COLUMNS, LOOPED):
                raise NetworkError(f"platform model '{folder}' is of another version; fit it again")
            self.layers: dict[str, dict[str, Any]] = self.manifest["layers"]
            self.total = Total(**self.manifest["total"])
        except FileNotFoundError as problem:
            raise NetworkError(f"there is no fitted platform at '{folder}'; run mlcomp network fit") from problem
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise NetworkError(f"'{folder}' is no platform model: {problem!r}") from problem

    @property
    def clock(self) -> float | None:
        """Hz, if times are cycles at that rate."""
        return self.manifest.get("clock")

    @cached_property
    def mapping(self) -> MappingModel:
        return MappingModel.from_json(self.manifest["mapping"])

    def drift(self, reference: float | None) -> float:
        """What a time must be multiplied with if the reference kernel took so long meanwhile."""
        mine = self.manifest["reference"]
        return mine / reference if mine and reference else 1.0

    def estimate(self, network: Network, kind: str = AUTO, mapping: Mapping | None = None) -> Estimate:
        """Of a network's latency; with its mapping predicted unless it is given."""
        mapping = mapping or self.mapping.apply(network)
        x = table(mapping, self.columns == LOOPED)
        names = types(mapping, x)
        models = [self._model_for(name) for name in names]
        y, widths, outside = np.empty(len(x)), np.empty(len(x)), np.zeros(len(x), bool)
        for model in set(models):
            mine = np.array([m == model for m in models])
            if model == UNKNOWN:
                y[mine], widths[mine] = _by_bytes(x[mine], self.manifest["other"]), 2 * self.manifest["other"]["width"]
                continue
            y[mine], widths[mine], outside[mine] = self._layer(model, kind, x[mine])
            borrowed = mine & np.array([n != model for n in names])
            widths[borrowed] = np.maximum(2 * widths[borrowed], 0.5)
        seconds = self.total.pieces(np.exp(y))
        whole = float(seconds.sum() + self.total.constant)
        half = self.manifest["factor"] * half_width(seconds, widths)
        rows = tuple(
            Row(piece, names[i], models[i], float(seconds[i]), float(widths[i]), bool(outside[i]))
            for i, piece in enumerate(mapping.executed)
        )
        return Estimate(mapping, x, rows, whole, whole / (1 + half), whole * (1 + half))

    def _model_for(self, name: str) -> str:
        kin: dict[str, str] = self.manifest["kin"]
        return name if name in self.layers else kin.get(name) or kin.get(operator(name)) or UNKNOWN

    def _layer(self, name: str, kind: str, x: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        layer = self.layers[name]
        chosen = layer["chosen"] if kind == AUTO else kind
        predicted = self._predict(layer, chosen, x)
        z = np.column_stack([x, predicted, np.abs(predicted)])
        difficulty = self._run(f"{layer['number']}-difficulty", z)
        worse = layer["errors"][chosen] / layer["errors"][layer["chosen"]]  # intervals are those of the chosen kind
        width = layer["factor"] * np.maximum(difficulty, LEAST) * worse
        low, high = (np.array([layer[end].get(c, 0.0) for c in self.columns]) for end in ("low", "high"))
        varied = [i for i, column in enumerate(self.columns) if column in layer["low"]]
        outside = Range(low[varied], high[varied]).outside(x[:, varied]) if varied else np.zeros(len(x), bool)
        return predicted, np.where(outside, 2 * width, width), outside

    def _predict(self, layer: dict[str, Any], kind: str, x: Floats) -> Floats:
        number = layer["number"]
        if kind == "statistical":
            return self._run(f"{number}-statistical", x)
        analytic = ANALYTIC[layer["analytic"][kind]]()
        analytic.parameters_ = np.array(layer[kind])
        if isinstance(analytic, Refined):
            analytic.steps_ = layer["steps"]
        rough: Floats = analytic.predict(x)
        if kind != "mixed":
            return rough
        return rough + self._run(f"{number}-mixed", np.column_stack([x, rough]))

    def _run(self, name: str, x: Floats) -> Floats:
        """Outputs (n,) of one of the ONNX models, which stay open."""
        if name not in self._sessions:
            self._sessions[name] = open_model(self.folder / f"{name}.onnx")
        session = self._sessions[name]
        if session.get_inputs()[0].shape[-1] != x.shape[1]:
            raise NetworkError(f"'{self.folder}' is no platform model: {name}.onnx belongs to another")
        return np.asarray(session.run(None, {"x": x.astype(np.float32)})[0], np.float64).ravel()
