"""The compiler's two inference engines against ONNX Runtime in Python, on models as exporters write them.

Every operator of the native runner has a case; models that it must refuse are refused with one clear line.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.native_model import Model, run_model

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)

Array = npt.NDArray[np.float32]

FEATURES = 6
TOLERANCE = 1e-5  # relative to the largest score that a model gives


def ort_session(path: Path) -> Any:
    """ONNX Runtime's own Python session, silent and single-threaded."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def assert_parity(path: Path, rows: Array, *, exact: bool = False) -> None:
    """Native, ONNX Runtime in C++ and in Python give the same scores for every row."""
    session = ort_session(path)
    name, rank = session.get_inputs()[0].name, len(session.get_inputs()[0].shape)
    with Model(path, "native") as native, Model(path, "ort") as ort:
        assert native.input_size == ort.input_size == rows.shape[1]
        assert native.output_size == ort.output_size
        got = np.stack([native.run(row) for row in rows])
        reference = np.stack([ort.run(row) for row in rows])
    feeds = [{name: row if rank == 1 else row[None]} for row in rows]
    python = np.stack([np.ravel(session.run(None, feed)[0]) for feed in feeds])
    np.testing.assert_array_equal(reference, python)
    if exact:
        np.testing.assert_array_equal(got, reference)
        return
    scale = float(np.max(np.abs(reference), initial=1e-30, where=np.isfinite(reference)))
    np.testing.assert_allclose(got, reference, rtol=TOLERANCE, atol=TOLERANCE * scale)
    finite = np.isfinite(reference).all(axis=1)
    for sign in (1, -1):  # the same best and the same worst score, but for ties
        ours, theirs = sign * got[finite], sign * reference[finite]
        ranked = np.sort(theirs, axis=1)
        clear = ranked[:, 1:2].sum(axis=1) - ranked[:, 0] > 2 * TOLERANCE * scale
        np.testing.assert_array_equal(ours[clear].argmin(axis=1), theirs[clear].argmin(axis=1))


def rows_of(features: int = FEATURES, count: int = 50) -> Array:
    """Random rows over several magnitudes."""
    random = np.random.default_rng(5)
    rows = random.normal(size=(count, features)) * random.choice([0.1, 1, 20], (count, 1))
    return np.asarray(rows, np.float32)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Any] | None = None,
    *,
    shape: Sequence[int | None] = (None, FEATURES),
    opset: int = 18,
) -> Path:
    """A model from `x` to `y` at `path`; floats among the constants become float32."""
    tensors = []
    for name, value in (constants or {}).items():
        array = np.asarray(value)
        tensors.append(numpy_helper.from_array(array.astype(np.float32) if array.dtype.kind == "f" else array, name))
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        tensors,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def node(operator: str, inputs: str = "x", output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node whose inputs are separated by spaces; `_` leaves one out. Its domain is found by its name."""
    domain = "ai.onnx.ml" if operator in ("Scaler", "LinearRegressor", "TreeEnsembleRegressor") else ""
    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(operator, names, [output], domain=domain, **attributes)


def lists(**values: int) -> dict[str, Any]:
    """Constants that are lists of one integer."""
    return {name: np.array([value]) for name, value in values.items()}


@dataclass(frozen=True)
class Case:
    """One small model."""

    name: str
    nodes: list[onnx.NodeProto]
    constants: dict[str, Any] = field(default_factory=dict)
    exact: bool = True
    opset: int = 18
    shape: tuple[int | None, ...] = (None, FEATURES)


RANDOM = np.random.default_rng(1)
W = RANDOM.normal(size=(FEATURES, 4))
ROW = RANDOM.normal(size=FEATURES)
TWO = numpy_helper.from_array(np.array([2], np.float32))

CASES = [
    *(Case(op, [node(op)], opset=opset) for op in ("Abs", "Neg", "Relu", "Identity") for opset in (13, 18)),
    *(Case(op, [node(op)], exact=False) for op in ("Tanh", "Sigmoid")),
    Case("Exp", [node("Clip", "x", "c", min=-5.0, max=5.0), node("Exp", "c")], exact=False, opset=10),
    *(Case(op, [node("Abs", "x", "a"), node(op, "a")], exact=op == "Sqrt") for op in ("Log", "Sqrt")),
    *(Case(f"{op} row", [node(op, "x k")], {"k": ROW}) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
    *(Case(f"{op} scalar", [node(op, "k x")], {"k": np.float32(1.5)}) for op in ("Add", "Sub", "Mul", "Div")),
    Case("Add [1]", [node("Add", "x k")], {"k": [0.5]}),
    Case("Add [1, N]", [node("Add", "x k")], {"k": ROW[None]}),
    Case("Add two of the input", [node("Neg", "x", "n"), node("Abs", "x", "a"), node("Add", "n a")]),
    Case("Mul column and row", [node("Mul", "x k")], {"k": RANDOM.normal(size=(3, 1))}),
    Case("constants folded", [node("Add", "k l", "m"), node("Mul", "x m")], {"k": ROW, "l": [[2.0]]}),
    Case("Max of three", [node("Max", "x k l")], {"k": ROW, "l": [0.1]}),
    Case("Min of one", [node("Min", "x")]),
    Case("Sum of three", [node("Sum", "x k x")], {"k": ROW}),
    Case("Cast", [node("Cast", "x", to=TensorProto.FLOAT)]),
    Case("Clip both", [node("Clip", "x lo hi")], {"lo": np.float32(-0.5), "hi": np.float32(0.5)}),
    Case("Clip above", [node("Clip", "x _ hi")], {"hi": np.float32(0.5)}),
    Case("Clip below", [node("Clip", "x lo")], {"lo": np.float32(-0.5)}),
    Case("Clip attributes", [node("Clip", "x", min=-1.0, max=0.25)], opset=10),
    Case("Gemm", [node("Gemm", "x w b")], {"w": W, "b": ROW[:4]}, exact=False),
    Case("Gemm transposed", [node("Gemm", "x w b", transB=1)], {"w": W.T, "b": ROW[:1]}, exact=False),
    Case("Gemm scaled", [node("Gemm", "x w b", alpha=0.5, beta=-2.0)], {"w": W, "b": ROW[:4]}, exact=False),
    Case("Gemm without bias", [node("Gemm", "x w", alpha=3.0)], {"w": W}, exact=False),
    Case("MatMul", [node("MatMul", "x w")], {"w": W}, exact=False),
    Case("MatMul by a vector", [node("MatMul", "x w")], {"w": ROW}, exact=False),
    Case("MatMul of a vector", [node("MatMul", "x w")], {"w": W}, exact=False, shape=(FEATURES,)),
    Case("one-dimensional input", [node("Add", "x k")], {"k": ROW}, shape=(FEATURES,)),
    Case("fixed batch", [node("Add", "x k")], {"k": ROW}, shape=(1, FEATURES)),
    *(
        Case(f"Concat {axis}", [node("Neg", "x", "n"), node("Concat", "x n k", axis=axis)], {"k": ROW[None]})
        for axis in (0, 1, -1)
    ),
    Case("Gather", [node("Gather", "x i", axis=1)], {"i": np.array([5, 0, -2])}),
    Case("Gather one", [node("Gather", "x i", axis=-1)], {"i": np.array(3)}),
    Case("Gather row", [node("Gather", "x i")], {"i": np.array([0, 0])}),
    Case("Gather int32", [node("Gather", "x i", axis=1)], {"i": np.array([[1, 2]], np.int32)}),
    Case("Slice", [node("Slice", "x s e a t")], lists(s=1, e=5, a=1, t=2)),
    Case(
        "Slice backwards",
        [node("Slice", "x s e a t")],
        lists(s=-1, e=-(2**63), a=-1, t=-2),
    ),
    Case("Slice to the end", [node("Slice", "x s e a")], lists(s=2, e=2**63 - 1, a=1)),
    Case("Slice default axes", [node("Slice", "x s e")], {"s": np.array([0, -4]), "e": np.array([9, -1])}),
    Case("Slice attributes", [node("Slice", "x", starts=[1], ends=[4], axes=[1])], opset=9),
    Case("Reshape", [node("Reshape", "x s")], {"s": np.array([-1, FEATURES])}),
    Case("Reshape keeps", [node("Reshape", "x s")], {"s": np.array([0, 2, -1])}),
    *(Case(f"Flatten {axis}", [node("Flatten", "x", axis=axis)]) for axis in (0, 1, 2, -1)),
    Case("Squeeze", [node("Squeeze", "x")]),
    Case("Squeeze axes", [node("Squeeze", "x a")], {"a": np.array([0])}),
    Case("Squeeze attribute", [node("Squeeze", "x", axes=[0])], opset=11),
    Case("Unsqueeze", [node("Unsqueeze", "x a")], {"a": np.array([0, -1])}),
    Case("Unsqueeze attribute", [node("Unsqueeze", "x", axes=[1])], opset=11),
    *(
        Case(f"{op} keepdims {keep}", [node(op, "x a", keepdims=keep)], {"a": np.array([1])}, exact=False)
        for op in ("ReduceMean", "ReduceSum")
        for keep in (0, 1)
    ),
    Case("ReduceMean of all", [node("ReduceMean", "x", keepdims=0)], exact=False),
    Case("ReduceSum attribute", [node("ReduceSum", "x", axes=[-1])], exact=False, opset=11),
    Case("ReduceSum of nothing", [node("ReduceSum", "x", noop_with_empty_axes=1)]),
    Case(
        "ReduceMean in the middle",
        [node("Reshape", "x s", "r"), node("ReduceMean", "r a", keepdims=0)],
        {"s": np.array([1, 3, 2]), "a": np.array([1])},
        exact=False,
    ),
    Case("Scaler", [node("Scaler", offset=ROW.tolist(), scale=W[:, 0].tolist())]),
    Case("Scaler of one", [node("Scaler", offset=[0.5], scale=[2.0])]),
    Case(
        "LinearRegressor",
        [node("LinearRegressor", coefficients=W.ravel().tolist(), intercepts=ROW[:4].tolist(), targets=4)],
        exact=False,
    ),
    Case("LinearRegressor of one", [node("LinearRegressor", coefficients=ROW.tolist())], exact=False),
    Case("Constant tensor", [node("Constant", "", "k", value=TWO), node("Mul", "x k")]),
    Case("Constant float", [node("Constant", "", "k", value_float=2.0), node("Mul", "x k")]),
    Case("Constant floats", [node("Constant", "", "k", value_floats=ROW.tolist()), node("Mul", "x k")]),
    Case("Constant int", [node("Constant", "", "k", value_int=2), node("Gather", "x k", axis=1)]),
    Case("Constant ints", [node("Constant", "", "k", value_ints=[2, 0]), node("Gather", "x k", axis=1)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.opset}")
def test_operator_equals_onnx_runtime(case: Case, tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", case.nodes, case.constants, shape=case.shape, opset=case.opset)
    assert_parity(path, rows_of(), exact=case.exact)


@pytest.mark.parametrize("operator", ["Abs", "Neg", "Relu", "Sqrt", "Exp", "Log", "Tanh", "Sigmoid", "Max", "Min"])
def test_special_values_go_through_as_in_onnx_runtime(operator: str, tmp_path: Path) -> None:
    special = np.array([[np.nan, np.inf, -np.inf, 0, -1, 100]], np.float32)
    path = save(tmp_path / "m.onnx", [node(operator, "x k" if operator in ("Max", "Min") else "x")], {"k": [0.5]})
    assert_parity(path, np.concatenate([special, special[:, ::-1]]))


# --- trees -----------------------------------------------------------------------------------------------

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def random_trees(
    seed: int, modes: Sequence[str], targets: int, *, trees: int = 7, depth: int = 4, missing: bool = False
) -> dict[str, Any]:
    """Attributes of a TreeEnsembleRegressor of random full trees, with thresholds that rows hit exactly."""
    random = np.random.default_rng(seed)
    nodes: list[dict[str, Any]] = []
    weights: list[dict[str, Any]] = []
    inner = 2**depth - 1
    for tree, i in itertools.product(range(trees), range(2 * inner + 1)):
        leaf = i >= inner
        nodes.append(
            {
                "treeids": tree,
                "nodeids": i,
                "truenodeids": 0 if leaf else 2 * i + 1,
                "falsenodeids": 0 if leaf else 2 * i + 2,
                "featureids": int(random.integers(FEATURES)),
                "modes": "LEAF" if leaf else str(random.choice(modes)),
                "values": 0.0 if leaf else float(random.integers(-2, 3)),
            }
        )
        if missing:
            nodes[-1]["missing_value_tracks_true"] = 0 if leaf else int(random.integers(2))
        for target in range(targets) if leaf else ():
            weight = float(random.normal())
            weights.append({"treeids": tree, "nodeids": i, "ids": target, "weights": weight})
    return (
        {"n_targets": targets}
        | {f"nodes_{key}": [n[key] for n in nodes] for key in nodes[0]}
        | {f"target_{key}": [w[key] for w in weights] for key in weights[0]}
    )


def tree_rows() -> Array:
    """Rows of small integers, NaN among them."""
    rows = np.random.default_rng(3).integers(-3, 4, (200, FEATURES)).astype(np.float32)
    rows[::5, 2] = np.nan
    return rows


@pytest.mark.parametrize("modes", [[mode] for mode in MODES] + [MODES], ids=lambda modes: "+".join(modes)[:16])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("missing", [False, True])
def test_trees_of_every_mode_equal_onnx_runtime_exactly(
    modes: list[str], targets: int, missing: bool, tmp_path: Path
) -> None:
    attributes = random_trees(11, modes, targets, missing=missing)
    path = save(tmp_path / "m.onnx", [node("TreeEnsembleRegressor", **attributes)])
    assert_parity(path, tree_rows(), exact=True)


@pytest.mark.parametrize(
    ("aggregate", "targets", "base"), list(itertools.product(["SUM", "AVERAGE"], [1, 3], [False, True]))
)
def test_trees_are_aggregated_as_in_onnx_runtime(aggregate: str, targets: int, base: bool, tmp_path: Path) -> None:
    attributes = random_trees(12, ["BRANCH_LEQ"], targets, trees=100)
    attributes["aggregate_function"] = aggregate
    if base:
        attributes["base_values"] = [0.25 * (i + 1) for i in range(targets)]
    path = save(tmp_path / "m.onnx", [node("TreeEnsembleRegressor", **attributes)])
    assert_parity(path, tree_rows(), exact=True)


def test_trees_need_not_be_numbered_in_order(tmp_path: Path) -> None:
    attributes = random_trees(13, MODES, 2)
    lists = [key for key in attributes if key.startswith("nodes_")]
    count = len(attributes["nodes_nodeids"])
    trees = np.array(attributes["nodes_treeids"])
    # Each tree's root first, its other nodes shuffled, the trees themselves in another order.
    order = sorted(range(count), key=lambda i: (-trees[i], attributes["nodes_nodeids"][i] != 0, (i * 7919) % 1009))
    for key in lists:
        attributes[key] = [attributes[key][i] for i in order]
    path = save(tmp_path / "m.onnx", [node("TreeEnsembleRegressor", **attributes)])
    assert_parity(path, tree_rows(), exact=True)


# --- scikit-learn ----------------------------------------------------------------------------------------


def data(targets: int) -> tuple[Array, Array]:
    random = np.random.default_rng(2)
    X = random.normal(size=(300, FEATURES)).astype(np.float32)
    Y = np.stack([X[:, i % FEATURES] * X[:, (i + 1) % FEATURES] + X[:, 2] for i in range(targets)], 1)
    return X, Y if targets > 1 else Y[:, 0]


def mlp(activation: str = "relu") -> MLPRegressor:
    return MLPRegressor(hidden_layer_sizes=(24, 16), activation=activation, max_iter=30, random_state=0)


def two() -> list[tuple[str, Any]]:
    return [("ridge", Ridge()), ("trees", ExtraTreesRegressor(5, random_state=0))]


# name: (estimator, number of targets, whether equal bit for bit)
ESTIMATORS: dict[str, tuple[Callable[[], Any], int, bool]] = {
    "mlp relu": (mlp, 5, False),
    "mlp tanh": (lambda: mlp("tanh"), 5, False),
    "mlp logistic": (lambda: mlp("logistic"), 1, False),
    "linear": (LinearRegression, 4, False),
    "ridge": (Ridge, 1, False),
    "poisson": (PoissonRegressor, 1, False),
    "decision tree": (lambda: DecisionTreeRegressor(random_state=0), 3, True),
    "extra trees": (lambda: ExtraTreesRegressor(20, random_state=0), 5, True),
    "random forest": (lambda: RandomForestRegressor(20, random_state=0), 1, True),
    "random forest multi-output": (lambda: RandomForestRegressor(20, max_depth=6, random_state=0), 5, True),
    "gradient boosting": (lambda: GradientBoostingRegressor(n_estimators=40, random_state=0), 1, True),
    "histogram gradient boosting": (lambda: HistGradientBoostingRegressor(max_iter=20), 1, True),
    "boosting for each target": (
        lambda: MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=10)),
        4,
        True,
    ),
    "bagging": (lambda: BaggingRegressor(n_estimators=5, random_state=0), 1, False),
    "voting": (lambda: VotingRegressor(two()), 1, False),
    "stacking": (lambda: StackingRegressor(two()), 1, False),
    "standard scaler and mlp": (lambda: make_pipeline(StandardScaler(), mlp()), 5, False),
    "minmax scaler and ridge": (lambda: make_pipeline(MinMaxScaler(), Ridge()), 5, False),
    "robust scaler and trees": (
        lambda: make_pipeline(RobustScaler(), ExtraTreesRegressor(10, random_state=0)),
        5,
        True,
    ),
}  # fmt: skip


def plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """skl2onnx gives numpy booleans as a list of integers, which newer onnx refuses: convert them."""
    make_attribute = helper.make_attribute

    def convert(key: str, value: Any, *rest: Any, **more: Any) -> onnx.AttributeProto:
        if isinstance(value, list):
            value = [int(v) if isinstance(v, (bool, np.bool_)) else v for v in value]
        return make_attribute(key, value, *rest, **more)

    monkeypatch.setattr(helper, "make_attribute", convert)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikit_learn_model_equals_onnx_runtime(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skl2onnx import to_onnx

    plain_numbers(monkeypatch)
    make, targets, exact = ESTIMATORS[name]
    X, Y = data(targets)
    if name == "poisson":
        Y = np.abs(Y)
    path = tmp_path / "m.onnx"
    with threadpool_limits(1):
        model = make().fit(X, Y)
    path.write_bytes(to_onnx(model, X[:1]).SerializeToString())
    assert_parity(path, rows_of(count=200), exact=exact)


def test_missing_values_take_the_learned_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skl2onnx import to_onnx

    plain_numbers(monkeypatch)
    X, Y = data(1)
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    with threadpool_limits(1):
        model = HistGradientBoostingRegressor(max_iter=20).fit(X, Y)
        expected = model.predict(X)
    path = tmp_path / "m.onnx"
    path.write_bytes(to_onnx(model, X[:1]).SerializeToString())
    assert_parity(path, X, exact=True)
    predicted = np.concatenate([run_model(path, row) for row in X])
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-4)


# --- what is refused -------------------------------------------------------------------------------------


def error_of(path: Path, engine: Any = "native", **options: Any) -> str:
    """The message with which a model is refused: one line of readable size."""
    with pytest.raises(NativeError) as caught:
        Model(path, engine, **options)
    message = str(caught.value)
    assert message.isprintable()
    assert 10 < len(message) < 400
    return message


def test_unknown_operator_is_named_and_onnx_runtime_takes_the_model(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [node("Softmax")])
    assert error_of(path) == "operator 'Softmax' is not supported by the native runner"
    assert run_model(path, rows_of()[0], "ort").sum() == pytest.approx(1)


def test_operator_of_another_domain_is_named_with_it(tmp_path: Path) -> None:
    gelu = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    path = save(tmp_path / "m.onnx", [gelu])
    assert "'com.microsoft.Gelu' is not supported" in error_of(path)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("post_transform", "LOGISTIC", "post_transform 'LOGISTIC' is not supported"),
        ("aggregate_function", "MAX", "aggregate_function 'MAX' is not supported"),
        ("nodes_modes", ["BRANCH_MAYBE"] * 217, "unknown mode 'BRANCH_MAYBE'"),
        ("nodes_featureids", [FEATURES] * 217, "a feature beyond the 6 of the input"),
        ("nodes_truenodeids", [0] * 217, "a node has two parents"),
        ("nodes_truenodeids", [99] * 217, "a node's child does not exist"),
        ("nodes_nodeids", [0] * 217, "two nodes have the same number"),
        ("nodes_values", [1.0], "list 'nodes_values' is missing or of another length"),
        ("target_ids", [7] * 112, "a target beyond the 1 that exist"),
        ("target_nodeids", [99] * 112, "a target belongs to no node"),
        ("target_nodeids", [0] * 112, "a leaf has no target"),
        ("n_targets", 0, "n_targets is missing or out of range"),
    ],
)
def test_malformed_trees_are_refused(setting: str, value: Any, said: str, tmp_path: Path) -> None:
    attributes = random_trees(14, ["BRANCH_LEQ"], 1) | {setting: value}
    path = save(tmp_path / "m.onnx", [node("TreeEnsembleRegressor", **attributes)])
    assert said in error_of(path)


@pytest.mark.parametrize(
    ("nodes", "constants", "said"),
    [
        ([node("Add", "x k")], {"k": [1.0] * 5}, "operator 'Add': the shapes of its inputs do not fit"),
        ([node("Add", "x nowhere")], {}, "operator 'Add': its input 'nowhere' is not defined"),
        ([node("Add", "x k")], {"k": np.array([1])}, "operator 'Add': input 1 of this type is not supported"),
        ([node("Add", "x")], {}, "operator 'Add': it has 1 inputs"),
        ([node("Gather", "x i", axis=1)], {"i": np.array([6])}, "operator 'Gather': index 6 of 6"),
        ([node("Gather", "x i", axis=2)], {"i": np.array([0])}, "operator 'Gather': axis 2 of 2"),
        ([node("Reshape", "x s")], {"s": np.array([5])}, "operator 'Reshape': the new shape does not fit"),
        ([node("Slice", "x s s a t")], lists(s=1, a=1, t=0), "a step of zero"),
        ([node("MatMul", "x w")], {"w": W[:5]}, "operator 'MatMul': the shapes of its inputs do not fit"),
        ([node("Gemm", "w x")], {"w": W}, "operator 'Gemm': a product other than of a row and a matrix"),
        ([node("Gemm", "x w b")], {"w": W, "b": ROW}, "operator 'Gemm': "),
        ([node("Cast", "x", to=TensorProto.DOUBLE)], {}, "operator 'Cast': type 11 is not supported"),
        ([node("Relu"), node("Abs")], {}, "'y' is defined twice"),
        ([node("Relu", "x", "z")], {}, "output 'y' is not a float tensor"),
        ([node("Relu", leak=0.1)], {}, "operator 'Relu': attribute 'leak' of this type is not supported"),
    ],
)  # fmt: skip
def test_malformed_graph_is_refused(
    nodes: list[onnx.NodeProto], constants: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in error_of(save(tmp_path / "m.onnx", nodes, constants))


def test_input_must_be_one_row_of_fixed_width(tmp_path: Path) -> None:
    for shape, said in (
        ((4, FEATURES), "has a fixed batch of 4"),
        ((None, None), "has no fixed number of features"),
        ((1, 2, 3), "has not the shape [features] or [batch, features]"),
    ):
        path = save(tmp_path / "m.onnx", [node("Relu")], shape=shape)
        assert said in error_of(path)
        assert said in error_of(path, "ort")


def test_wrong_number_of_features_is_an_error(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [node("Relu")])
    for engine in ("native", "ort"):
        with Model(path, engine) as model, pytest.raises(NativeError, match="takes 6 features, not 5"):
            model.run(np.zeros(5, np.float32))


def test_model_can_run_many_times_and_keeps_nothing_between_rows(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [node("Gemm", "x w", "g"), node("ReduceSum", "g")], {"w": W})
    rows = rows_of()
    with Model(path) as model:
        first = [model.run(row) for row in rows]
        again = [model.run(row) for row in rows[::-1]][::-1]
    np.testing.assert_array_equal(first, again)


def test_truncated_model_is_refused_at_every_length(tmp_path: Path) -> None:
    attributes = random_trees(15, ["BRANCH_LEQ"], 1, trees=1, depth=2)
    nodes = [
        node("Scaler", "x", "s", offset=[0.5], scale=[2.0]),
        node("TreeEnsembleRegressor", "s", **attributes),
    ]
    whole = save(tmp_path / "whole.onnx", nodes).read_bytes()
    path = tmp_path / "part.onnx"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            with Model(path) as model:  # a cut between the fields after the graph leaves a sound model
                assert model.input_size == FEATURES
        except NativeError as error:
            assert str(error).isprintable()


def test_damaged_model_never_crashes(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    whole = np.frombuffer(
        save(tmp_path / "m.onnx", [node("Gemm", "x w b")], {"w": W, "b": ROW[:4]}).read_bytes(), np.uint8
    )
    path = tmp_path / "damaged.onnx"
    for _ in range(500):
        damaged = whole.copy()
        at = random.integers(len(damaged), size=2)
        damaged[at] = random.integers(256, size=2)
        path.write_bytes(damaged.tobytes())
        try:
            with Model(path) as model:
                model.run(np.zeros(model.input_size, np.float32))
        except NativeError as error:
            assert str(error).isprintable()


def test_small_file_cannot_ask_for_much_memory_or_time(tmp_path: Path) -> None:
    big = np.zeros((1, 1 << 20))
    repeated = [node("Concat", "k " * 64, "c0", axis=0), node("MatMul", "x c0")]
    assert "too large" in error_of(save(tmp_path / "a.onnx", repeated, {"k": big}))
    columns = [node("Add", "k l", "s"), node("Add", "x s")]
    wide = {"k": np.zeros((1 << 14, 1)), "l": np.zeros((1, 1 << 14))}
    assert "too large" in error_of(save(tmp_path / "b.onnx", columns, wide))
    assert "rows of" not in error_of(Path("/dev/null"))


def test_missing_file_is_named() -> None:
    for engine in ("native", "ort"):
        assert "cannot read no-such.onnx: No such file" in error_of(Path("no-such.onnx"), engine)


# --- the library of ONNX Runtime -------------------------------------------------------------------------


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A model that both engines take."""
    return save(tmp_path / "sound.onnx", [node("Relu")])


def test_missing_library_is_named(sound: Path) -> None:
    said = error_of(sound, "ort", ort_library=Path("/no/such/libonnxruntime.so"))
    assert said.startswith("ONNX Runtime: cannot load the library: ")
    assert "/no/such/libonnxruntime.so" in said


def fake_library(folder: Path, source: str) -> Path:
    """A shared library compiled from C."""
    compiler = shutil.which("cc") or shutil.which("clang-19")
    if not compiler:
        pytest.skip("no C compiler is installed")
    folder.joinpath("fake.c").write_text(source)
    command = [compiler, "-shared", "-fPIC", "-o", "fake.so", "fake.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "fake.so"


def test_library_that_is_not_onnx_runtime_is_refused(sound: Path, tmp_path: Path) -> None:
    library = fake_library(tmp_path, "int nothing;")
    assert "it has no OrtGetApiBase" in error_of(sound, "ort", ort_library=library)


def test_library_that_is_too_old_is_refused(sound: Path, tmp_path: Path) -> None:
    source = """
    static const void *api(unsigned version) { return 0; }
    static const char *name(void) { return "1.9.0"; }
    static const struct { const void *(*a)(unsigned); const char *(*b)(void); } base = {api, name};
    const void *OrtGetApiBase(void) { return &base; }
    """
    library = fake_library(tmp_path, source)
    assert "is version 1.9.0, 1.16 or newer is needed" in error_of(sound, "ort", ort_library=library)


def test_model_that_onnx_runtime_refuses_says_why(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [node("NoSuchOperator")])
    assert "NoSuchOperator" in error_of(path, "ort")


def test_unknown_engine_is_refused(sound: Path) -> None:
    assert "unknown engine 'tpu', it is native or ort" in error_of(sound, "tpu")
