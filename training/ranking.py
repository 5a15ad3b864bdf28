"""Value models: which of a policy's alternatives makes a module smallest, predicted from its features.

In: features, shape (n, f), and ln(size / baseline) of each alternative, shape (n, a). The regressor is chosen by what
matters to the compiler, the size of the alternative that it ranks first, on projects that it was not fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, compose, helper
from skl2onnx import to_onnx
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = npt.NDArray[np.float32]
OPSET = 17
MARGINS = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 1.0)  # of predicted ln(size); the last one is never reached


class Densities(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features, and the same divided by the number of instructions (at least 1).

    Parameters
    ----------
    instructions : int
        Column of the number of instructions.
    """

    def __init__(self, instructions: int = 0) -> None:
        self.instructions = instructions

    def fit(self, x: Floats, y: object = None) -> Densities:
        """Nothing is learned."""
        return self

    def transform(self, x: Floats) -> Floats:
        """Shape (n, f) to (n, 2 f), in float32 as the exported graph computes it."""
        x = np.asarray(x, np.float32)
        return np.hstack([x, x / np.maximum(x[:, [self.instructions]], np.float32(1))])

    def graph(self, features: int) -> onnx.ModelProto:
        """The same as ONNX, from `features` of shape (1, f) to `densities`."""
        nodes = [
            helper.make_node("Gather", ["features", "column"], ["count"], axis=1),
            helper.make_node("Max", ["count", "one"], ["divisor"]),
            helper.make_node("Div", ["features", "divisor"], ["quotients"]),
            helper.make_node("Concat", ["features", "quotients"], ["densities"], axis=1),
        ]
        constants = [
            helper.make_tensor("column", TensorProto.INT64, [1], [self.instructions]),
            helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
        ]
        graph = helper.make_graph(
            nodes,
            "densities",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, features])],
            [helper.make_tensor_value_info("densities", TensorProto.FLOAT, [1, 2 * features])],
            constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def candidates(seed: int) -> dict[str, Callable[[], BaseEstimator]]:
    """The regressors that are tried, by name; small enough to be loaded in a millisecond."""

    def trees(kind: type, leaves: int, minimum: int, share: float) -> Callable[[], BaseEstimator]:
        return lambda: kind(
            n_estimators=60,
            max_leaf_nodes=leaves,
            min_samples_leaf=minimum,
            max_features=share,
            random_state=seed,
            n_jobs=1,
        )

    table: dict[str, Callable[[], BaseEstimator]] = {}
    for leaves in (24, 64):
        for share in (0.1, 0.3, 0.6):
            table[f"extra-trees {leaves} leaves {share}"] = trees(ExtraTreesRegressor, leaves, 3, share)
    table["random-forest 48 leaves 0.2"] = trees(RandomForestRegressor, 48, 3, 0.2)
    for alpha in (1e3, 1e4, 1e12):
        table[f"ridge {alpha:g}"] = lambda alpha=alpha: make_pipeline(StandardScaler(), Ridge(alpha))  # type: ignore[misc]
    return table


CONSTANT = "ridge 1e+12"  # always predicts the mean


def first_choice(predicted: Floats, actual: Floats, margin: float) -> Floats:
    """ln(size) of each row (n,) when the best-ranked alternative is taken if it promises more than `margin`."""
    best = predicted.argmin(1)
    rows = np.arange(len(best))
    keep = predicted[rows, best] < predicted[:, 0] - margin
    costs: Floats = np.where(keep, actual[rows, best], actual[:, 0])
    return costs


def best_of(predicted: Floats, actual: Floats, count: int) -> Floats:
    """ln(size) of each row's smallest among the baseline and the `count` best-ranked alternatives (n,)."""
    order = predicted.argsort(1, kind="stable")[:, :count]
    costs: Floats = np.minimum(np.take_along_axis(actual, order, 1).min(1), actual[:, 0])
    return costs


class Evaluation(TypedDict):
    """How one regressor did in cross-validation: mean ln(size) of the first choice, and of the best measured."""

    model: str
    first: float
    best_of: float


@dataclass
class Fitted:
    """A chosen model and how it did on held-out projects."""

    name: str
    estimator: BaseEstimator
    densities: Densities
    margin: float
    table: list[Evaluation]
    held_out: Floats  # predictions for each row by a model that has not seen its project

    def predict(self, x: Floats) -> Floats:
        """Scores, shape (n, a), as scikit-learn computes them."""
        return np.asarray(self.estimator.predict(self.densities.transform(x)), np.float32)

    def export(self, features: int) -> bytes:
        """The model as ONNX: input (1, f), output (1, a)."""
        regressor = to_onnx(
            self.estimator,
            initial_types=[("densities", _float_type(2 * features))],
            target_opset={"": OPSET, "ai.onnx.ml": 3},
        )
        regressor.ir_version = 8
        front = self.densities.graph(features)
        for model in (front, regressor):
            _use_opset(model)
        name = regressor.graph.output[0].name
        merged = compose.merge_models(
            compose.add_prefix(front, "f_"),
            compose.add_prefix(regressor, "r_"),
            io_map=[("f_densities", "r_densities")],
            outputs=["r_" + name],
        )
        onnx.checker.check_model(merged)
        return bytes(merged.SerializeToString())


def _float_type(width: int) -> object:
    from skl2onnx.common.data_types import FloatTensorType

    return FloatTensorType([1, width])


def _use_opset(model: onnx.ModelProto) -> None:
    """The same operator sets in both halves, so that they can be merged."""
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)])


def fit(
    x: Floats,
    y: Floats,
    groups: Sequence[str],
    instructions: int,
    measured: int,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Chooses a regressor by cross-validation over groups (projects) and fits it to everything.

    One that is not better than the constant by more than a standard error is not taken.

    Parameters
    ----------
    x, y : arrays, shapes (n, f) and (n, a)
        Features, and ln(size / baseline); alternative 0 is the baseline or "nothing".
    groups : sequence of str, length n
        Rows of one group are never on both sides of a split.
    instructions : int
        Column of the number of instructions.
    measured : int
        How many alternatives the compiler measures at its usual effort; the choice weighs the first choice and
        the best of these equally.
    """
    densities = Densities(instructions)
    z = densities.transform(x)
    target = np.clip(y, -0.7, 0.7)
    folds = list(GroupKFold(5).split(z, y, groups))
    table: list[Evaluation] = []
    held_out: dict[str, Floats] = {}  # predictions
    scores: dict[str, Floats] = {}
    for name, make in candidates(seed).items():
        predicted = np.zeros_like(y)
        for train, test in folds:
            predicted[test] = make().fit(z[train], target[train]).predict(z[test])
        first, best = first_choice(predicted, y, 0.0), best_of(predicted, y, measured)
        row: Evaluation = {"model": name, "first": float(first.mean()), "best_of": float(best.mean())}
        table.append(row)
        report(f"{name}: first choice {np.exp(row['first']):.4f}, best of {measured} {np.exp(row['best_of']):.4f}")
        held_out[name], scores[name] = predicted, first + best
    name = chosen(scores)
    margin = min(MARGINS, key=lambda m: first_choice(held_out[name], y, m).mean())
    estimator = candidates(seed)[name]().fit(z, target)
    return Fitted(name, estimator, densities, margin, table, held_out[name])


def chosen(scores: Mapping[str, Floats]) -> str:
    """The model with the least mean score, unless the constant is within a standard error of it; scores (n,) each."""
    best = min(scores, key=lambda name: scores[name].mean())
    gains = scores[CONSTANT] - scores[best]
    return best if gains.mean() > gains.std() / np.sqrt(len(gains)) else CONSTANT
