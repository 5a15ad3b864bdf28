"""Estimators as ONNX: one input `x` (N, d) float32, one output (N, 1): ln(metric / baseline's metric).

The analytic kinds are written operator by operator, regressors by skl2onnx; mixed and voting models are joined of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor

from mlcomp.estimator.intervals import ByAmounts
from mlcomp.estimator.kinds import LEAST, Mixed, Proportional, Refined, Roofline

OPSET = 17
OUTPUT = "y"


def export(model: Any, width: int) -> onnx.ModelProto:
    """A fitted model of `width` columns; raises `TypeError` for a kind that has no ONNX form."""
    if isinstance(model, (Refined, Roofline)):
        return _model(*_analytic(model), width, "analytic")
    if isinstance(model, Proportional):
        nodes = [
            helper.make_node("Gather", ["x", "column"], ["value"], axis=1),
            helper.make_node("Mul", ["value", "factor"], [OUTPUT]),
        ]
        column = numpy_helper.from_array(np.array([model.column], np.int64), "column")
        return _model(nodes, [column, _floats("factor", [model.factor_])], width, "proportional")
    if isinstance(model, Mixed):
        return _mixed(model, width)
    if isinstance(model, VotingRegressor):
        return _voting(model, width)
    if isinstance(model, ByAmounts):
        return _by_amounts(model, width)
    if isinstance(model, DummyRegressor):
        nodes = [
            helper.make_node("ReduceSum", ["x", "axes"], ["sum"], keepdims=1),
            helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "mean"], [OUTPUT]),
        ]
        values = {"zero": [0.0], "mean": np.ravel(model.constant_)}
        constants = [_floats(name, value) for name, value in values.items()]
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
        return _model(nodes, constants, width, "mean")
    if isinstance(model, HistGradientBoostingRegressor):
        return _boosted(model, width)
    return _regressor(model, width)


def _boosted(model: HistGradientBoostingRegressor, width: int) -> onnx.ModelProto:
    """Node by node: skl2onnx's own conversion fails with the integers of numpy 2."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes"),
            *("nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true"),
            *("target_treeids", "target_nodeids", "target_ids", "target_weights"),
        )
    }
    for tree, (predictor,) in enumerate(model._predictors):
        for number, node in enumerate(predictor.nodes):
            leaf = bool(node["is_leaf"])
            for name, value in (
                ("treeids", tree),
                ("nodeids", number),
                ("featureids", 0 if leaf else int(node["feature_idx"])),
                ("values", 0.0 if leaf else float(node["num_threshold"])),
                ("modes", "LEAF" if leaf else "BRANCH_LEQ"),
                ("truenodeids", 0 if leaf else int(node["left"])),
                ("falsenodeids", 0 if leaf else int(node["right"])),
                ("missing_value_tracks_true", int(node["missing_go_to_left"])),
            ):
                columns[f"nodes_{name}"].append(value)
            if leaf:
                weight = float(node["value"])
                for name, value in (("treeids", tree), ("nodeids", number), ("ids", 0), ("weights", weight)):
                    columns[f"target_{name}"].append(value)
    base = [float(model._baseline_prediction.item())]
    attributes: dict[str, Any] = {"domain": "ai.onnx.ml", "n_targets": 1, "base_values": base, **columns}
    node = helper.make_node("TreeEnsembleRegressor", ["x"], [OUTPUT], **attributes)
    return _model([node], [], width, "boosted")


def _floats(name: str, values: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def _model(
    nodes: Sequence[onnx.NodeProto], constants: Sequence[onnx.TensorProto], width: int, name: str
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 1])],
        constants,
    )
    return _with_opsets(helper.make_model(graph))


def _with_opsets(model: onnx.ModelProto) -> onnx.ModelProto:
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 8
    return model


def _analytic(model: Refined | Roofline) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    overhead, costs = float(model.parameters_[0]), model.parameters_[1:]
    constants = [_floats("least", [LEAST]), _floats("one", [1.0]), _floats("overhead", [overhead])]
    nodes: list[onnx.NodeProto] = []
    for side, columns in (("new", model.work), ("old", model.base)):
        constants.append(numpy_helper.from_array(np.asarray(columns, np.int64), f"{side}_columns"))
        nodes.append(helper.make_node("Gather", ["x", f"{side}_columns"], [f"{side}_events"], axis=1))
        if isinstance(model, Refined):
            nodes.append(helper.make_node("MatMul", [f"{side}_events", "costs"], [side]))
        else:  # instructions, loads + stores, bytes: a column of costs for each, of which the largest counts
            parts = []
            for resource in ("issue", "memory", "fetch"):
                parts.append(f"{side}_{resource}")
                nodes.append(helper.make_node("MatMul", [f"{side}_events", f"{resource}_costs"], [parts[-1]]))
            nodes.append(helper.make_node("Max", parts, [side]))
    if isinstance(model, Refined):
        constants.append(_floats("costs", costs[:, None]))
    else:
        for resource, mask in (("issue", (1, 0, 0, 0)), ("memory", (0, 1, 1, 0)), ("fetch", (0, 0, 0, 1))):
            cost = costs[("issue", "memory", "fetch").index(resource)]
            constants.append(_floats(f"{resource}_costs", cost * np.array(mask)[:, None]))
    if model.anchor is not None:
        constants.append(numpy_helper.from_array(np.array([model.anchor], np.int64), "anchor_column"))
        nodes += [
            helper.make_node("Gather", ["x", "anchor_column"], ["anchor"], axis=1),
            helper.make_node("Sub", ["new", "old"], ["difference"]),
            helper.make_node("Div", ["difference", "anchor"], ["change"]),
            helper.make_node("Add", ["change", "one"], ["ratio"]),
        ]
    else:
        nodes += [
            helper.make_node("Add", ["new", "overhead"], ["new_cost"]),
            helper.make_node("Add", ["old", "overhead"], ["old_cost"]),
            helper.make_node("Div", ["new_cost", "old_cost"], ["ratio"]),
        ]
    nodes += [
        helper.make_node("Max", ["ratio", "least"], ["positive"]),
        helper.make_node("Log", ["positive"], [OUTPUT]),
    ]
    return nodes, constants


def _regressor(model: Any, width: int) -> onnx.ModelProto:
    converted = to_onnx(
        model, initial_types=[("x", FloatTensorType([None, width]))], target_opset={"": OPSET, "ai.onnx.ml": 3}
    )
    produced = converted.graph.output[0].name
    for node in converted.graph.node:
        node.output[:] = [OUTPUT if name == produced else name for name in node.output]
    del converted.graph.output[:]
    converted.graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 1]))
    return _with_opsets(converted)


def _by_amounts(model: ByAmounts, width: int) -> onnx.ModelProto:
    nodes, constants = [], [numpy_helper.from_array(np.array([1], np.int64), "axes")]
    for number, sides in enumerate(model.amounts):
        values = [f"{number}/{side}" for side, columns in zip(("over", "under"), sides, strict=True) if columns]
        for value, columns in zip(values, sides, strict=False):
            constants.append(numpy_helper.from_array(np.asarray(columns, np.int64), f"{value}_columns"))
            nodes.append(helper.make_node("Gather", ["x", f"{value}_columns"], [value], axis=1))
        if len(values) == 2:
            nodes.append(helper.make_node("Sub", values, [f"{number}/difference"]))
            values = [f"{number}/difference"]
        nodes.append(helper.make_node("Abs", values, [f"{number}/sizes"]))
        nodes.append(helper.make_node("ReduceSum", [f"{number}/sizes", "axes"], [f"{number}/sum"], keepdims=1))
    trees = compose.add_prefix(_regressor(model.trees_, len(model.amounts)), "t/").graph
    sums = [f"{number}/sum" for number in range(len(model.amounts))]
    nodes += [helper.make_node("Concat", sums, ["t/x"], axis=1), *trees.node]
    nodes.append(helper.make_node("Identity", [f"t/{OUTPUT}"], [OUTPUT]))
    return _model(nodes, [*constants, *trees.initializer], width, "amounts")


def _mixed(model: Mixed, width: int) -> onnx.ModelProto:
    rough = compose.add_prefix(export(model.analytic_, width), "a/", rename_inputs=False)
    rest = compose.add_prefix(_regressor(model.rest_, width + 1), "r/")
    nodes = [
        *rough.graph.node,
        helper.make_node("Concat", ["x", f"a/{OUTPUT}"], ["r/x"], axis=1),
        *rest.graph.node,
        helper.make_node("Add", [f"a/{OUTPUT}", f"r/{OUTPUT}"], [OUTPUT]),
    ]
    return _model(nodes, [*rough.graph.initializer, *rest.graph.initializer], width, "mixed")


def _voting(model: VotingRegressor, width: int) -> onnx.ModelProto:
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = [_floats("share", [1 / len(model.estimators_)])]
    votes = []
    for number, voter in enumerate(model.estimators_):
        part = compose.add_prefix(export(voter, width), f"v{number}/", rename_inputs=False).graph
        nodes += part.node
        constants += part.initializer
        votes.append(f"v{number}/{OUTPUT}")
    total = votes[0]
    for number, vote in enumerate(votes[1:]):
        nodes.append(helper.make_node("Add", [total, vote], [f"total{number}"]))
        total = f"total{number}"
    nodes.append(helper.make_node("Mul", [total, "share"], [OUTPUT]))
    return _model(nodes, constants, width, "voting")
