"""Benchmarks of a microcontroller: the motifs of `benchmarks` at its scale, in float32, int8 and uint8.

Beside those there are plain stacks of convolutions of images and of signals with one dimension, and perceptrons.
"""

from __future__ import annotations

import random

import onnx

from mlcomp.estimator.networks.benchmarks import (
    COMMON,
    OTHERS,
    SWEPT,
    Micro,
    Sampler,
    Size,
    micro_network,
    random_network,
)
from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.quantized import Quantized

REAL = Size(ops=1.0e6, bytes=3e5, channels=0.15, stem=(4, 32), image=(10, 48), inside=(4, 28), swept=(2, 26))
QUANTIZED = Size(ops=5e6, bytes=3e5, channels=0.15, stem=(4, 32), image=(10, 64), inside=(4, 36), swept=(2, 32))


def sampler(seed: int) -> Sampler:
    """An empty network of any number format."""
    generator = random.Random(~seed)
    dtype = generator.choices(("float32", "int8", "uint8"), (5, 4, 1))[0]
    if dtype == "float32":
        return Sampler(seed, REAL, Builder(f"tiny-{seed}", seed))
    return Sampler(seed, QUANTIZED, Quantized(f"tiny-{seed}", seed, dtype, generator.random() < 0.5))


def perceptron(s: Sampler) -> onnx.ModelProto:
    """Fully connected layers only."""
    x = s.net.input(1, s.width(4, 700))
    for _ in range(s.random.randint(1, 8)):
        features = s.width(4, 260)
        if s.room(2 * features * s.net.channels(x)):
            x = s.activate(_dense(s, x, features))
    return s.net.model(_dense(s, x, s.width(2, 40)))


def _dense(s: Sampler, x: str, features: int) -> str:
    """A fully connected layer, as one operator or as two."""
    if s.random.random() < 0.7:
        return s.net.linear(x, features)
    fan = s.net.shape(x)[-1]
    product = s.net.op("MatMul", x, s.net.weight(fan, features, scale=fan**-0.5))
    return s.net.op("Add", product, s.net.weight(features, scale=0.1))


def signal(s: Sampler) -> onnx.ModelProto:
    """Convolutions of one dimension, some of them depthwise, and a classifier."""
    x = s.net.input(1, s.random.choice((1, 1, 2, 3, 6, 9)), s.side((16, 400)))
    for _ in range(s.random.randint(1, 6)):
        (_, c, w), group = s.net.shape(x), 1
        filters, kernel, stride = s.width(2, 48), s.random.choice((1, 3, 3, 5, 7, 9)), s.random.choice((1, 1, 2))
        if s.random.random() < 0.25:
            filters = group = c
        if s.room(2 * c * filters / group * kernel * w / stride):
            x = s.net.conv(x, filters, (kernel,), stride, group, padded=s.random.random() < 0.7 or w < 2 * kernel)
            x = s.activate(x) if s.random.random() < 0.85 else x
        if s.net.shape(x)[2] > 3 and s.random.random() < 0.4:
            x = s.net.op("MaxPool", x, kernel_shape=[2], strides=[2])
    if s.random.random() < 0.5:
        x = s.net.op("GlobalAveragePool", x)
    return s.net.model(s.net.linear(s.net.op("Flatten", x), s.width(2, 16)))


def image(s: Sampler) -> onnx.ModelProto:
    """Convolutions of small images, many of them without padding, poolings, and a classifier."""
    x = s.net.input(1, s.random.choice((1, 1, 2, 3, 4, 8)), s.side((6, 34)), s.side((6, 34)))
    for _ in range(s.random.randint(2, 6)):
        _, c, h, w = s.net.shape(x)
        kernel = s.random.choice(((1, 1), *((3, 3),) * 5, (5, 5), (5, 5), (3, 1), (1, 3), (2, 2), (4, 4), (5, 3)))
        filters, group = s.width(2, 48), 1
        if s.random.random() < 0.35:
            filters = group = c
        if h < kernel[0] or w < kernel[1] or not s.room(2 * c * filters / group * kernel[0] * kernel[1] * h * w):
            continue
        x = s.net.conv(x, filters, kernel, s.random.choice((1, 1, 1, 2)), group, padded=s.random.random() < 0.5)
        x = s.activate(x) if s.random.random() < 0.85 else x
        if min(s.net.shape(x)[2:]) > 3 and s.random.random() < 0.3:
            x = s.net.pool(x, s.random.choice(("MaxPool", "MaxPool", "AveragePool")), 2, 2)
    if s.random.random() < 0.5:
        x = s.net.op("GlobalAveragePool", x)
    return s.net.model(s.net.linear(s.net.op("Flatten", x), s.width(2, 16)))


def _conv(s: Sampler, x: str, dims: dict[str, int]) -> str:
    """A convolution with any kernel and stride, padded or not."""
    kernel = s.random.choice((1, 1, 3, 3, 3, 5, (2, 2), 4, (1, 3), (3, 1), (10, 4), (5, 3), (1, 5), (4, 1)))
    kernels = (kernel, kernel) if isinstance(kernel, int) else kernel
    if any(n + 2 * ((k - 1) // 2) < k for n, k in zip((dims["h"], dims["w"]), kernels, strict=True)):
        kernels = (1, 1)
    padded = s.random.random() < 0.75 or any(n < k for n, k in zip((dims["h"], dims["w"]), kernels, strict=True))
    stride, bias = s.random.choice((1, 1, 2)), s.random.random() < 0.8
    while not s.room(2 * dims["c"] * dims["f"] * kernels[0] * kernels[1] * dims["h"] * dims["w"] / stride**2):
        dims["f"] = max(1, dims["f"] // 2)
        if dims["f"] == 1:
            break
    return s.net.conv(x, dims["f"], kernels, stride, bias=bias, padded=padded)


def _depthwise(s: Sampler, x: str, dims: dict[str, int]) -> str:
    kernel = s.random.choice((3, 3, 3, 5, (3, 1), (1, 3)))
    padded = s.random.random() < 0.75 or min(dims["h"], dims["w"]) < 5
    return s.net.conv(x, dims["c"], kernel, s.random.choice((1, 1, 2)), dims["c"], padded=padded)


def _rectified(s: Sampler, x: str, dims: dict[str, int]) -> str:
    """A convolution of what a rectifier leaves, or the pooling of that: how many values are zero matters."""
    x = s.net.activation(x, s.random.choice(("Relu", "Relu", "Clip")))
    if s.random.random() < 0.4 and min(dims["h"], dims["w"]) > 3:
        x = s.net.pool(x, s.random.choice(("MaxPool", "AveragePool")), 2, 2)
    return _conv(s, x, dims)


def _linear(s: Sampler, x: str, dims: dict[str, int]) -> str:
    x = s.net.activation(x, "Relu") if s.random.random() < 0.5 else x
    return s.net.linear(s.net.op("Flatten", x), dims["f"])


def _activation(s: Sampler, x: str, dims: dict[str, int]) -> str:
    return s.net.activation(x, s.random.choice(COMMON))


KINDS: tuple[Micro, ...] = (
    *(_conv,) * 14,
    *(_depthwise,) * 7,
    *(_rectified,) * 4,
    *(_linear,) * 4,
    *(_activation,) * 2,
    *OTHERS,
)


def build(benchmark: str) -> onnx.ModelProto:
    """A benchmark by its name: `random:SEED` or `micro:SEED`."""
    kind, _, text = benchmark.partition(":")
    seed = int(text)
    if kind == "micro":
        return micro_network(sampler(10**9 + seed // SWEPT), seed % SWEPT, KINDS)
    s = sampler(seed)
    return (random_network, random_network, image, perceptron, signal)[seed % 5](s)
