"""Builds ONNX networks layer by layer, with random weights and all shapes known: benchmarks, cells, tests.

Weights are scaled so that values stay near 1 whatever the depth: runtimes are slow on denormal numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
POOL = 1 << 16  # random values that weights repeat


class Builder:
    """A network that grows; every method that adds a layer returns the name of its output."""

    def __init__(self, name: str, seed: int, opset: int = OPSET) -> None:
        self.name = name
        self.opset = opset
        self._random = np.random.default_rng(seed).standard_normal(POOL).astype(np.float32)
        self._schemas: dict[str, onnx.defs.OpSchema] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.inputs: list[str] = []
        self.types: dict[str, onnx.TypeProto] = {}

    def shape(self, tensor: str) -> tuple[int, ...]:
        return tuple(axis.dim_value for axis in self.types[tensor].tensor_type.shape.dim)

    def channels(self, tensor: str) -> int:
        return self.shape(tensor)[1]

    def input(self, *shape: int) -> str:
        name = f"input{len(self.inputs)}"
        self.inputs.append(name)
        self.types[name] = helper.make_tensor_type_proto(TensorProto.FLOAT, shape)
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A constant with given values."""
        return self._initial(numpy_helper.from_array(np.asarray(value, dtype)))

    def weight(self, *shape: int, scale: float = 1.0, mean: float = 0.0) -> str:
        """Random weights."""
        values = np.resize(self._random, shape) * np.float32(scale) + np.float32(mean)
        return self._initial(numpy_helper.from_array(values))

    def _initial(self, tensor: onnx.TensorProto) -> str:
        tensor.name = f"c{len(self.initializers)}"
        self.initializers[tensor.name] = tensor
        self.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        return tensor.name

    def ops(self, type_: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> list[str]:
        """Any operator of ONNX, with several outputs."""
        name = f"{type_.lower()}{len(self.nodes)}"
        made = [f"{name}_{i}" for i in range(outputs)]
        node = helper.make_node(type_, inputs, made, name=name, **attributes)
        self.types.update(self.infer(type_, inputs, made, self.types, attributes))
        self.nodes.append(node)
        return made

    def infer(
        self,
        type_: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        types: Mapping[str, onnx.TypeProto],
        attributes: Mapping[str, Any],
    ) -> dict[str, onnx.TypeProto]:
        """Types of what an operator of ONNX makes of inputs of given types."""
        node = helper.make_node(type_, inputs, outputs, **attributes)
        schema = self._schemas.setdefault(type_, onnx.defs.get_schema(type_, self.opset))
        few = {i: self.initializers[i] for i in inputs if i in self.initializers}
        small = {i: t for i, t in few.items() if math.prod(t.dims) <= 64}
        found = onnx.shape_inference.infer_node_outputs(
            schema, node, {i: types[i] for i in inputs if i}, small, opset_imports=[helper.make_opsetid("", self.opset)]
        )
        return {output: found[output] for output in outputs}

    def op(self, type_: str, *inputs: str, **attributes: Any) -> str:
        """Any operator of ONNX with one output."""
        return self.ops(type_, inputs, **attributes)[0]

    def conv(
        self,
        x: str,
        filters: int,
        kernel: int | tuple[int, ...],
        stride: int = 1,
        group: int = 1,
        dilation: int = 1,
        bias: bool = True,
        padded: bool = True,
    ) -> str:
        """A convolution, padded so that only the stride makes the output smaller."""
        attributes = self.window(x, kernel, stride, group, dilation, padded)
        shape = (self.channels(x) // group, *attributes["kernel_shape"])
        inputs = [x, self.weight(filters, *shape, scale=math.prod(shape) ** -0.5)]
        if bias:
            inputs.append(self.weight(filters, scale=0.1))
        return self.op("Conv", *inputs, **attributes)

    def window(
        self, x: str, kernel: int | tuple[int, ...], stride: int, group: int, dilation: int, padded: bool
    ) -> dict[str, Any]:
        """Attributes of a convolution on a tensor of 3 or 4 axes."""
        rank = len(self.shape(x)) - 2
        kernels = (kernel,) * rank if isinstance(kernel, int) else kernel
        pads = [dilation * (k - 1) // 2 if padded else 0 for k in kernels]
        return {
            "kernel_shape": list(kernels),
            "strides": [stride] * rank,
            "pads": pads * 2,
            "dilations": [dilation] * rank,
            "group": group,
        }

    def batch_norm(self, x: str) -> str:
        c = self.channels(x)
        weights = [self.weight(c, scale=s, mean=m) for s, m in ((0.1, 1.0), (0.1, 0.0), (0.1, 0.0))]
        return self.op("BatchNormalization", x, *weights, self.constant(np.ones(c)))

    def activation(self, x: str, kind: str) -> str:
        """An activation by name; 'SiLU', 'Gelu' and 'Relu6' are what frameworks export for them."""
        if kind == "SiLU":
            return self.op("Mul", x, self.op("Sigmoid", x))
        if kind == "Gelu":
            erf = self.op("Erf", self.op("Div", x, self.constant(2**0.5)))
            product = self.op("Mul", x, self.op("Add", erf, self.constant(1.0)))
            return self.op("Mul", product, self.constant(0.5))
        if kind == "Clip":
            return self.op("Clip", x, self.constant(0.0), self.constant(6.0))
        if kind == "PRelu":
            return self.op("PRelu", x, self.weight(self.channels(x), 1, 1, scale=0.1, mean=0.25))
        return self.op(kind, x)

    def pool(
        self, x: str, kind: str, kernel: int, stride: int, pad: int = 0, ceil: bool = False, count_pad: bool = False
    ) -> str:
        """`MaxPool` or `AveragePool`."""
        attributes: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
        if ceil:
            attributes["ceil_mode"] = 1
        if kind == "AveragePool":
            attributes["count_include_pad"] = int(count_pad)
        return self.op(kind, x, **attributes)

    def linear(self, x: str, features: int, bias: bool = True) -> str:
        """Fully connected: `Gemm` on a matrix, `MatMul` and `Add` on more axes."""
        fan = self.shape(x)[-1]
        scale = fan**-0.5
        if len(self.shape(x)) == 2:
            inputs = [x, self.weight(features, fan, scale=scale)]
            return self.op("Gemm", *inputs, *([self.weight(features, scale=0.1)] if bias else []), transB=1)
        product = self.op("MatMul", x, self.weight(fan, features, scale=scale))
        return self.op("Add", product, self.weight(features, scale=0.1)) if bias else product

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape, np.int64))

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The network with these outputs."""
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_value_info(name, self.types[name]) for name in self.inputs],
            [helper.make_value_info(name, self.types[name]) for name in outputs],
            list(self.initializers.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
