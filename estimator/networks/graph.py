"""ONNX models as layer graphs: layers with all parameters, tensors with shapes. What is constant is no layer.

`read_model` takes a file and gives the model, with every node named, and its `Network`. Everything after this module
knows networks only as that description, which is plain data and can be kept without weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, inliner, numpy_helper
from onnx.external_data_helper import uses_external_data
from onnx.reference import ReferenceEvaluator

OLDEST_OPSET = 9
FEW = 64  # values of a constant input that the description keeps, as axes and limits


class NetworkError(Exception):
    """A network that cannot be described or run; the message is one line."""


@dataclass(frozen=True)
class Tensor:
    """Shape and element type; `constant` if it is known before the network runs."""

    shape: tuple[int, ...]
    dtype: str
    constant: bool = False

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * (1 if self.dtype in ("bool", "string") else np.dtype(self.dtype).itemsize)


@dataclass(frozen=True)
class Layer:
    """One operator. `values` has the constant inputs that are small, by their index."""

    name: str
    type: str  # with the domain before it, if that is not ONNX's own
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[int, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A layer graph in an order in which it can be executed."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]

    @cached_property
    def producer(self) -> dict[str, int]:
        """The layer that makes a tensor."""
        return {name: i for i, layer in enumerate(self.layers) for name in layer.outputs if name}

    @cached_property
    def consumers(self) -> dict[str, list[int]]:
        """The layers that read a tensor, each as often as it does."""
        found: dict[str, list[int]] = {name: [] for name in self.tensors}
        for i, layer in enumerate(self.layers):
            for name in layer.inputs:
                if name:
                    found[name].append(i)
        return found

    @cached_property
    def twins(self) -> dict[int, int]:
        """Layers that do what an earlier one does already, and that one."""
        seen: dict[str, int] = {}
        same: dict[str, str] = {}
        found = {}
        for i, layer in enumerate(self.layers):
            inputs = [same.get(name, name) for name in layer.inputs]
            key = json.dumps([layer.type, inputs, dict(layer.attributes)], sort_keys=True)
            first = seen.setdefault(key, i)
            if first != i:
                found[i] = first
                same |= dict(zip(layer.outputs, self.layers[first].outputs, strict=True))
        return found

    @cached_property
    def same(self) -> dict[str, str]:
        """Tensors of twins, and those that equal them."""
        return {
            mine: other
            for i, first in self.twins.items()
            for mine, other in zip(self.layers[i].outputs, self.layers[first].outputs, strict=True)
        }

    def data_inputs(self, layer: Layer) -> list[str]:
        """Inputs that are no constants."""
        return [name for name in layer.inputs if name and not self.tensors[name].constant]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "layers": [
                [x.name, x.type, x.inputs, x.outputs, dict(x.attributes), {str(k): v for k, v in x.values.items()}]
                for x in self.layers
            ],
            "tensors": {k: [t.shape, t.dtype, t.constant] for k, t in self.tensors.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Network:
        layers = tuple(
            Layer(name, kind, tuple(inputs), tuple(outputs), attributes, {int(k): v for k, v in values.items()})
            for name, kind, inputs, outputs, attributes, values in value["layers"]
        )
        tensors = {k: Tensor(tuple(shape), dtype, constant) for k, (shape, dtype, constant) in value["tensors"].items()}
        return cls(value["name"], tuple(value["inputs"]), tuple(value["outputs"]), layers, tensors)


def read_model(path: Path, axes: Mapping[str, int] | None = None) -> tuple[onnx.ModelProto, Network]:
    """An ONNX file, without external weights, and its description; raises `NetworkError`.

    `axes` gives sizes of dynamic axes: by the name that the model has for them, or as `input:index`.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError) as problem:
        raise NetworkError(f"'{path}' is not an ONNX model, or damaged") from problem
    if not model.graph.node or not model.opset_import:
        raise NetworkError(f"'{path}' is not an ONNX model, or empty")
    _check_weights(model, path)
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as problem:
        raise NetworkError(f"'{path}' is not a valid ONNX model: {str(problem).splitlines()[0]}") from problem
    return describe(model, path.stem, axes)


def _check_weights(model: onnx.ModelProto, path: Path) -> None:
    for tensor in model.graph.initializer:
        if uses_external_data(tensor):
            location = next(entry.value for entry in tensor.external_data if entry.key == "location")
            if not (path.parent / location).is_file():
                raise NetworkError(f"'{path}' keeps weights in '{location}', which is not beside it")


def describe(
    model: onnx.ModelProto, name: str, axes: Mapping[str, int] | None = None
) -> tuple[onnx.ModelProto, Network]:
    """A model with every node named and all axes fixed, and its description; raises `NetworkError`."""
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), OLDEST_OPSET)
    if opset < OLDEST_OPSET:
        raise NetworkError(f"'{name}' uses opset {opset}; the oldest that is understood is {OLDEST_OPSET}")
    if model.functions:
        model = inliner.inline_local_functions(model)
    _fix_axes(model, dict(axes or {}))
    _name_nodes(model.graph)
    _forbid_subgraphs(model.graph)
    inferred = _infer_shapes(model, name)
    while _has_unknown_shapes(inferred.graph) and _fold_constants(inferred):
        inferred = _infer_shapes(inferred, name)
    return inferred, _network(inferred.graph, name)


def _fix_axes(model: onnx.ModelProto, axes: dict[str, int]) -> None:
    initial = {tensor.name for tensor in model.graph.initializer}
    open_axes: list[str] = []
    used: set[str] = set()
    for value in model.graph.input:
        if value.name in initial:
            continue
        if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
            raise NetworkError(f"input '{value.name}' has no shape")
        for index, axis in enumerate(value.type.tensor_type.shape.dim):
            names = [f"{value.name}:{index}", axis.dim_param]
            given = next((n for n in names if n in axes), None)
            if given is not None and not axis.dim_value:
                used.add(given)
                axis.dim_value = axes[given]
            elif given is not None and axis.dim_value != axes[given]:
                raise NetworkError(f"axis '{given}' is fixed to {axis.dim_value} in the model")
            elif not axis.HasField("dim_value"):
                open_axes.append(axis.dim_param or names[0])
    if unknown := sorted(set(axes) - used):
        raise NetworkError(f"the network has no dynamic axis '{unknown[0]}'")
    if open_axes:
        example = " ".join(f"--axis {axis}=1" for axis in dict.fromkeys(open_axes))
        raise NetworkError(f"the network has dynamic axes; give their sizes, as {example}")
    # What was inferred with open axes is stale; shapes of operators that nobody else knows are kept.
    kept = [v for v in model.graph.value_info if _static(v)]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)
    for value in model.graph.output:
        if not _static(value) and value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")


def _static(value: onnx.ValueInfoProto) -> bool:
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        return False
    return all(axis.HasField("dim_value") for axis in value.type.tensor_type.shape.dim)


def _name_nodes(graph: onnx.GraphProto) -> None:
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        while node.name in taken:
            node.name += "_"
        taken.add(node.name)


def _forbid_subgraphs(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):
            raise NetworkError(
                f"layer '{node.name}' ({node.op_type}) has a subgraph; how often it runs is not known before it does"
            )


def _infer_shapes(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError) as problem:
        text = " ".join(str(problem).split())
        raise NetworkError(f"shapes of '{name}' cannot be inferred: {text[:200]}") from problem


def _has_unknown_shapes(graph: onnx.GraphProto) -> bool:
    known = {value.name for value in (*graph.value_info, *graph.output) if _static(value)}
    return any(output and output not in known for node in graph.node for output in node.output)


def _fold_constants(model: onnx.ModelProto) -> bool:
    """Replaces nodes that compute small constants, shapes among them, by their results; whether there were any."""
    graph = model.graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer if _is_few(t)}
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input)
        if _static(value)
    }
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "Shape" and node.input[0] in shapes and not node.attribute:
            found = [np.array(shapes[node.input[0]], np.int64)]
        elif all(name in values or not name for name in node.input) and not node.op_type.startswith("Random"):
            found = _evaluate(node, values, model.opset_import)
        else:
            found = []
        if found and all(value.size <= FEW for value in found):
            values |= dict(zip(node.output, found, strict=True))
            graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in zip(node.output, found, strict=True))
        else:
            kept.append(node)
    folded = len(kept) < len(graph.node)
    del graph.node[:]
    graph.node.extend(kept)
    return folded


def without_constant_nodes(model: onnx.ModelProto, network: Network) -> onnx.ModelProto:
    """A model that `describe` has named, with results in place of all nodes that compute constants."""
    from onnxruntime import InferenceSession, SessionOptions

    constants = {name for name, tensor in network.tensors.items() if tensor.constant}
    folded = [node for node in model.graph.node if constants.issuperset(node.output)]
    if not folded:
        return model
    types = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    made = list(dict.fromkeys(name for node in folded for name in node.output if name))
    parts = onnx.ModelProto()
    parts.CopyFrom(model)
    del parts.graph.node[:], parts.graph.input[:], parts.graph.output[:]
    parts.graph.node.extend(folded)
    parts.graph.output.extend(types[name] for name in made)
    options = SessionOptions()
    options.log_severity_level = 4
    try:
        session = InferenceSession(parts.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = session.run(made, {})
    except Exception as problem:  # onnxruntime has no common base class for its errors
        raise NetworkError(f"constants cannot be computed: {' '.join(str(problem).split())[:200]}") from problem
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    del rest.graph.node[:]
    rest.graph.node.extend(node for node in model.graph.node if not constants.issuperset(node.output))
    rest.graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in zip(made, found, strict=True))
    return rest


def _evaluate(node: onnx.NodeProto, values: Mapping[str, Any], opsets: Any) -> list[Any]:
    """What a node makes of constants; nothing if that cannot be told here."""
    graph = helper.make_graph(
        [node],
        "constant",
        [helper.make_value_info(name, onnx.TypeProto()) for name in dict.fromkeys(node.input) if name],
        [helper.make_value_info(name, onnx.TypeProto()) for name in node.output],
    )
    try:
        evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))
        return [np.asarray(v) for v in evaluator.run(None, {n: values[n] for n in node.input if n})]
    except Exception:  # its operators have no common base class for what they do not support
        return []


def full_type(node: onnx.NodeProto) -> str:
    """The operator's name, with its domain if that is not ONNX's own."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def _network(graph: onnx.GraphProto, name: str) -> Network:
    tensors: dict[str, Tensor] = {}
    values: dict[str, onnx.TensorProto] = {}
    for initial in graph.initializer:
        tensors[initial.name] = Tensor(tuple(initial.dims), _dtype(initial.data_type), constant=True)
        values[initial.name] = initial
    inputs = [value for value in graph.input if value.name not in tensors]
    for value in (*graph.value_info, *inputs, *graph.output):
        if value.name not in tensors and _static(value):
            kind = value.type.tensor_type
            tensors[value.name] = Tensor(tuple(a.dim_value for a in kind.shape.dim), _dtype(kind.elem_type))
    constants = _constants(graph, set(values), values)
    layers = []
    for node in graph.node:
        outputs = [output for output in node.output if output]
        unknown = next((output for output in outputs if output not in tensors), None)
        if unknown is not None and not constants.issuperset(outputs):
            raise NetworkError(
                f"the shape of '{unknown}', made by '{node.name}' ({full_type(node)}), cannot be inferred; "
                "add it to the model's value_info"
            )
        if constants.issuperset(outputs):
            continue
        for tensor in (*node.input, *outputs):
            if tensor in tensors and tensors[tensor].elements == 0 and not constants.issuperset([tensor]):
                raise NetworkError(f"tensor '{tensor}' at layer '{node.name}' has no elements: {tensors[tensor].shape}")
        layers.append(
            Layer(
                node.name,
                full_type(node),
                tuple(node.input),
                tuple(node.output),
                {a.name: _plain(helper.get_attribute_value(a)) for a in node.attribute},
                {i: _few(values[n]) for i, n in enumerate(node.input) if n in values and _is_few(values[n])},
            )
        )
    for constant in constants:
        known = tensors.get(constant, Tensor((), "float32"))
        tensors[constant] = Tensor(known.shape, known.dtype, constant=True)
    if not layers:
        raise NetworkError(f"'{name}' has no layers that depend on its inputs")
    used = {t for layer in layers for t in (*layer.inputs, *layer.outputs) if t}
    return Network(
        name,
        tuple(value.name for value in inputs),
        tuple(value.name for value in graph.output if value.name not in constants),
        tuple(layers),
        {t: tensors[t] for t in sorted(used | {value.name for value in inputs})},
    )


def _constants(graph: onnx.GraphProto, known: Iterable[str], values: dict[str, onnx.TensorProto]) -> set[str]:
    """Names of all tensors that do not depend on the network's inputs; shapes are fixed, so `Shape` is constant."""
    constants = set(known)
    for node in graph.node:
        if node.op_type == "Constant":
            tensor = next((a.t for a in node.attribute if a.name == "value"), None)
            if tensor is not None:
                values[node.output[0]] = tensor
        if node.op_type in ("Shape", "Size") or all(not name or name in constants for name in node.input):
            constants.update(output for output in node.output if output)
    return constants


def _dtype(kind: int) -> str:
    return "string" if kind == TensorProto.STRING else str(helper.tensor_dtype_to_np_dtype(kind))


def _is_few(tensor: onnx.TensorProto) -> bool:
    return math.prod(tensor.dims) <= FEW and not uses_external_data(tensor) and tensor.data_type != TensorProto.STRING


def _few(tensor: onnx.TensorProto) -> list[Any]:
    return [_plain(value) for value in numpy_helper.to_array(tensor).ravel().tolist()]


def _plain(value: Any) -> Any:
    """Attributes as JSON can keep them."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and not math.isfinite(value):
        return math.copysign(1e38, value) if value == value else 0.0
    if isinstance(value, (int, float, str)):
        return value
    if isinstance(value, TensorProto):
        return _few(value) if _is_few(value) else list(value.dims)
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return str(value)
