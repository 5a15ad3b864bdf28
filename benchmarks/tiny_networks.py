"""Tiny networks as ONNX files: ten that estimates on ibex-c are tested on, and others to tune on.

    python benchmarks/tiny_networks.py --out build/networks/tiny

They have the shapes of what runs on microcontrollers, keyword spotting, anomaly detection, small images, in float32
(`-f32`), where batch normalisation may still be a layer, and quantised (`-int8`, `-uint8`). Weights are random by seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import click
import onnx

from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.quantized import Quantized

Net = Builder  # either kind
Make = Callable[[Net], str]


def block(net: Net, x: str, filters: int, kernel: int | tuple[int, ...], stride: int = 1, group: int = 1) -> str:
    """Convolution, normalisation, rectifier."""
    return net.activation(net.batch_norm(net.conv(x, filters, kernel, stride, group, bias=False)), "Relu")


def folded(net: Net, x: str, filters: int, kernel: int | tuple[int, ...], stride: int = 1, group: int = 1) -> str:
    """Convolution with a bias, rectifier."""
    return net.activation(net.conv(x, filters, kernel, stride, group), "Relu")


def classifier(net: Net, x: str, classes: int) -> str:
    """Mean of all positions, a fully connected layer, probabilities."""
    return net.op("Softmax", net.linear(net.op("Flatten", net.op("GlobalAveragePool", x)), classes))


def keyword_cnn(net: Net) -> str:
    """Depthwise separable: a 10x4 filter on 49 frames of 10 coefficients, four pairs of 64 channels, 12 words."""
    x = block(net, net.input(1, 1, 49, 10), 64, (10, 4), 2)
    for _ in range(4):
        x = block(net, block(net, x, 64, 3, group=64), 64, 1)
    return classifier(net, x, 12)


def autoencoder(net: Net) -> str:
    """Anomaly detection: 640 values through a bottleneck of 8."""
    x = net.input(1, 640)
    for features in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = net.activation(net.linear(x, features), "Relu")
    return net.linear(x, 640)


def residual(net: Net, x: str, filters: int, stride: int) -> str:
    """Two convolutions and a way around them."""
    y = net.conv(folded(net, x, filters, 3, stride), filters, 3)
    x = net.conv(x, filters, 1, stride) if stride > 1 else x
    return net.activation(net.op("Add", x, y), "Relu")


def residual_net(net: Net) -> str:
    """Eight convolutions with ways around them, on 32x32 images, ten classes."""
    x = folded(net, net.input(1, 3, 32, 32), 16, 3)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        x = residual(net, x, filters, stride)
    return classifier(net, x, 10)


def mobile_net(net: Net) -> str:
    """Thirteen separable convolutions at a quarter of the width, on 48x48 images: is a person in it?"""
    x = folded(net, net.input(1, 3, 48, 48), 8, 3, 2)
    for filters, stride in (
        *((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)),
        *(((128, 1),) * 5),
        *((256, 2), (256, 1)),
    ):
        c = net.channels(x)
        x = folded(net, folded(net, x, c, 3, stride, c), filters, 1)
    return classifier(net, x, 2)


def digits(net: Net) -> str:
    """Two 5x5 convolutions without padding, poolings, three fully connected layers, on 28x28 images."""
    x = net.input(1, 1, 28, 28)
    for filters in (6, 16):
        x = net.activation(net.conv(x, filters, 5, padded=False), "Relu")
        x = net.pool(x, "MaxPool", 2, 2)
    x = net.op("Flatten", x)
    for features in (120, 84):
        x = net.activation(net.linear(x, features), "Relu")
    return net.op("Softmax", net.linear(x, 10))


def signal_cnn(net: Net) -> str:
    """Three accelerations over 128 steps, convolutions of one dimension, six activities."""
    x = net.input(1, 3, 128)
    for filters, kernel in ((16, 5), (24, 5), (32, 3)):
        x = net.activation(net.conv(x, filters, (kernel,), padded=False), "Relu")
        x = net.op("MaxPool", x, kernel_shape=[2], strides=[2])
    return classifier(net, x, 6)


def keyword_mlp(net: Net) -> str:
    """250 features, three hidden layers of 144."""
    x = net.input(1, 250)
    for _ in range(3):
        x = net.activation(net.linear(x, 144), "Relu")
    return net.op("Softmax", net.linear(x, 12))


# For validation: other shapes of the same kinds.
def keyword_plain(net: Net) -> str:
    """Two plain convolutions on a spectrogram of 40x32, and poolings."""
    x = net.pool(folded(net, net.input(1, 1, 40, 32), 12, (8, 4), 2), "MaxPool", 2, 2)
    x = net.pool(folded(net, x, 20, 3), "AveragePool", 2, 2)
    return net.op("Softmax", net.linear(net.op("Flatten", x), 8))


def small_separable(net: Net) -> str:
    """Five separable convolutions on 40x40 images, batch normalisation as layers."""
    x = block(net, net.input(1, 3, 40, 40), 8, 3, 2)
    for filters, stride in ((16, 1), (24, 2), (24, 1), (48, 2), (48, 1)):
        c = net.channels(x)
        x = block(net, block(net, x, c, 3, stride, c), filters, 1)
    return classifier(net, x, 5)


def small_residual(net: Net) -> str:
    """Two blocks with ways around them on 20x20 images."""
    x = folded(net, net.input(1, 3, 20, 20), 12, 3)
    for filters, stride in ((12, 1), (20, 2)):
        x = residual(net, x, filters, stride)
    return classifier(net, x, 7)


def small_autoencoder(net: Net) -> str:
    """300 values through a bottleneck of 12."""
    x = net.input(1, 300)
    for features in (96, 64, 12, 64, 96):
        x = net.activation(net.linear(x, features), "Relu")
    return net.linear(x, 300)


def vibration(net: Net) -> str:
    """Two channels of 200 samples: a wide filter with stride, depthwise ones, two classes."""
    x = folded(net, net.input(1, 2, 200), 16, (9,), 2)
    x = folded(net, folded(net, x, 16, (5,), group=16), 24, (1,))
    x = net.op("MaxPool", x, kernel_shape=[2], strides=[2])
    return classifier(net, folded(net, x, 32, (3,), 2), 2)


def glyphs(net: Net) -> str:
    """Three 3x3 convolutions without padding on 24x24 images, two fully connected layers."""
    x = net.input(1, 1, 24, 24)
    for filters in (8, 12, 16):
        x = net.activation(net.conv(x, filters, 3, padded=False), "Relu")
    x = net.op("Flatten", net.pool(x, "MaxPool", 3, 3))
    return net.linear(net.activation(net.linear(x, 48), "Relu"), 26)


SETS: dict[str, tuple[tuple[Make, str], ...]] = {
    "test": (
        *((keyword_cnn, "int8"), (keyword_cnn, "f32"), (autoencoder, "int8"), (autoencoder, "f32")),
        *((residual_net, "int8"), (mobile_net, "int8"), (digits, "f32"), (digits, "uint8")),
        *((signal_cnn, "f32"), (keyword_mlp, "int8")),
    ),
    "validation": (
        *((keyword_plain, "int8"), (keyword_plain, "f32"), (small_separable, "int8"), (small_separable, "f32")),
        *((small_residual, "int8"), (small_residual, "f32"), (small_autoencoder, "int8"), (small_autoencoder, "f32")),
        *((vibration, "f32"), (vibration, "int8"), (glyphs, "uint8"), (glyphs, "f32")),
    ),
}


def build(make: Make, dtype: str) -> onnx.ModelProto:
    """A network of one of the sets."""
    name = f"{make.__name__}-{dtype}"
    seed = zlib.crc32(name.encode())
    net = Builder(name, seed) if dtype == "f32" else Quantized(name, seed, dtype, per_channel=dtype == "int8")
    return net.model(make(net))


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    """All networks, each in the folder of its set."""
    for kind, networks in SETS.items():
        (out / kind).mkdir(parents=True, exist_ok=True)
        for make, dtype in networks:
            path = out / kind / f"{make.__name__.replace('_', '-')}-{dtype}.onnx"
            onnx.save(build(make, dtype), path)
            click.echo(path)


if __name__ == "__main__":
    main()
