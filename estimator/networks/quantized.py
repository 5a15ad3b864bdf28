"""Builds quantised ONNX networks in the operators' own format, as ONNX Runtime's static quantiser writes them.

Activations are int8 or uint8 with a scale each, weights int8, per tensor or per channel, biases int32. Batch
normalisation and rectifiers are no layers: weights and zero points take them in. What has no quantised operator is
surrounded by conversions. Scales are such that values fill their range whatever the depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from mlcomp.estimator.networks.builder import Builder

DOMAIN = "com.microsoft"
REACH = 4.0  # of values, in standard deviations
STEPS = 255
SPREAD = 32  # of weights, in steps
MOVES = frozenset("MaxPool Reshape Flatten Transpose Slice Split Squeeze Unsqueeze Identity".split())
OWN = {
    "Add": "QLinearAdd",
    "Mul": "QLinearMul",
    "Sigmoid": "QLinearSigmoid",
    "LeakyRelu": "QLinearLeakyRelu",
    "Concat": "QLinearConcat",
    "AveragePool": "QLinearAveragePool",
    "GlobalAveragePool": "QLinearGlobalAveragePool",
}
STANDARD = frozenset(["QLinearConv", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear"])
RECTIFIED = ("QLinearConv", "QGemm", "QLinearAdd", "QLinearMatMul")  # what takes in a rectifier
REAL = frozenset(["Softmax"])  # results that stay real


@dataclass(frozen=True)
class Scale:
    """How a tensor is quantised: constants with the size of a step and the zero point, and that size."""

    step: str
    zero: str
    size: float


class Quantized(Builder):
    """A quantised network that grows. Inputs and results are real; so are tensors without a scale."""

    def __init__(self, name: str, seed: int, dtype: str = "int8", per_channel: bool = False) -> None:
        super().__init__(name, seed)
        self.dtype, self.per_channel = np.dtype(dtype), per_channel
        self.scales: dict[str, Scale] = {}

    def _scale(self, rectified: bool = False) -> Scale:
        """Constants for values within `REACH`, or for those of them that are positive."""
        low = int(np.iinfo(self.dtype).min)
        size = REACH / STEPS if rectified else 2 * REACH / STEPS
        return Scale(self.constant(size), self.constant(low if rectified else low + 128, self.dtype), size)

    def _inputs(self, x: str) -> tuple[str, str, str]:
        return x, self.scales[x].step, self.scales[x].zero

    def quantize(self, x: str) -> str:
        """An int8 or uint8 tensor of a real one."""
        scale = self._scale()
        made = self.op("QuantizeLinear", x, scale.step, scale.zero)
        self.scales[made] = scale
        return made

    def dequantize(self, x: str) -> str:
        """A real tensor."""
        return self.op("DequantizeLinear", *self._inputs(x))

    def _quantized(self, x: str) -> str:
        """A tensor with a scale; of constants one is made."""
        if x in self.scales:
            return x
        if x not in self.initializers:
            return self.quantize(x)
        scale = self._scale()
        values = np.round(onnx.numpy_helper.to_array(self.initializers[x]) / scale.size)
        bounds = np.iinfo(self.dtype)
        made = self.constant(np.clip(values + bounds.min + 128, bounds.min, bounds.max), self.dtype)
        self.scales[made] = scale
        return made

    def ops(self, type_: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> list[str]:
        """Any operator of ONNX; quantised if a tensor is that it reads."""
        if type_ in STANDARD or not any(x in self.scales for x in inputs):
            return super().ops(type_, inputs, outputs, **attributes)
        if type_ in MOVES:
            made = super().ops(type_, inputs, outputs, **attributes)
            self.scales |= dict.fromkeys(made, self.scales[inputs[0]])
            return made
        if type_ in OWN:
            return [self._own(type_, [self._quantized(x) for x in inputs], **attributes)]
        if type_ == "MatMul":
            return [self._product(*(self._quantized(x) for x in inputs))]
        real = [self.dequantize(x) if x in self.scales else x for x in inputs]
        made = super().ops(type_, real, outputs, **attributes)
        return made if type_ in REAL else [self.quantize(x) for x in made]

    def _own(self, type_: str, xs: Sequence[str], **attributes: Any) -> str:
        """An operator of ONNX Runtime's own, in place of ONNX's `type_`."""
        scale = self._scale()
        triples = [name for x in xs for name in self._inputs(x)]
        made = [scale.step, scale.zero]
        real = {x: helper.make_tensor_type_proto(TensorProto.FLOAT, self.shape(x)) for x in xs}
        shape = self.infer(type_, xs, ["y"], real, attributes)["y"].tensor_type.shape
        inputs = [*made, *triples] if type_ == "Concat" else [*triples, *made]
        return self._microsoft(OWN[type_], inputs, tuple(a.dim_value for a in shape.dim), scale, attributes)

    def _microsoft(
        self, type_: str, inputs: Sequence[str], shape: tuple[int, ...], scale: Scale, attributes: dict[str, Any]
    ) -> str:
        name = f"{type_.lower()}{len(self.nodes)}"
        made = f"{name}_0"
        self.nodes.append(helper.make_node(type_, inputs, [made], name=name, domain=DOMAIN, **attributes))
        self.types[made] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(self.dtype), shape)
        self.scales[made] = scale
        return made

    def _weights(self, shape: Sequence[int], fan: int, channels: bool) -> tuple[tuple[str, str, str], float]:
        """Values, sizes of their steps and zero points; the size of a step."""
        values = np.clip(np.round(np.resize(self._random, tuple(shape)) * SPREAD), -127, 127)
        size, many = fan**-0.5 / SPREAD, (shape[0],) if channels else ()
        names = (self.constant(np.full(many, size)), self.constant(np.zeros(many), np.int8))
        return (self.constant(values, np.int8), *names), size

    def _bias(self, features: int, size: float) -> str:
        return self.constant(np.round(np.resize(self._random, features) * 0.1 / size), np.int32)

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
        """`QLinearConv`, always with a bias: there is one where batch normalisation was."""
        x = self._quantized(x)
        attributes = self.window(x, kernel, stride, group, dilation, padded)
        shape = (filters, self.channels(x) // group, *attributes["kernel_shape"])
        weights, size = self._weights(shape, int(np.prod(shape[1:])), self.per_channel)
        scale = self._scale()
        inputs = [*self._inputs(x), *weights, scale.step, scale.zero, self._bias(filters, size * self.scales[x].size)]
        made = self.op("QLinearConv", *inputs, **attributes)
        self.scales[made] = scale
        return made

    def linear(self, x: str, features: int, bias: bool = True) -> str:
        """Fully connected: `QGemm` on a matrix, `QLinearMatMul` and `QLinearAdd` on more axes."""
        x = self._quantized(x)
        fan = self.shape(x)[-1]
        if len(self.shape(x)) == 2 and bias:
            weights, size = self._weights((features, fan), fan, self.per_channel)
            scale = self._scale()
            inputs = [*self._inputs(x), *weights, self._bias(features, size * self.scales[x].size)]
            inputs += [scale.step, scale.zero]
            attributes = {"transB": 1, "alpha": 1.0}
            return self._microsoft("QGemm", inputs, (self.shape(x)[0], features), scale, attributes)
        (values, step, zero), size = self._weights((fan, features), fan, False)
        self.scales[values] = Scale(step, zero, size)
        product = self._product(x, values)
        return self.op("Add", product, self.weight(features, scale=0.1)) if bias else product

    def _product(self, x: str, y: str) -> str:
        scale = self._scale()
        made = self.op("QLinearMatMul", *self._inputs(x), *self._inputs(y), scale.step, scale.zero)
        self.scales[made] = scale
        return made

    def batch_norm(self, x: str) -> str:
        """Nothing: it is part of the weights before."""
        return x

    def activation(self, x: str, kind: str) -> str:
        """Rectifiers become the zero point of what is before them."""
        last = self.nodes[-1] if self.nodes else None
        if x in self.scales and kind in ("Relu", "Clip") and last and x in last.output and last.op_type in RECTIFIED:
            old, new = self.scales[x], self._scale(rectified=True)
            swap = {old.step: new.step, old.zero: new.zero}
            last.input[:] = [swap.get(name, name) for name in last.input]
            self.scales[x] = new
            return x
        return super().activation(x, kind)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The network with these outputs, which are made real, and with the shapes of what is between."""
        real = [self.dequantize(x) if x in self.scales else x for x in outputs]
        model = super().model(*real)
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        known = {*real, *self.inputs, *self.initializers}
        model.graph.value_info.extend(helper.make_value_info(n, t) for n, t in self.types.items() if n not in known)
        return model
