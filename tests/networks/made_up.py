"""A made-up platform: it fuses activations into convolutions, and takes time by a formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from mlcomp.estimator.networks.benchmarks import build
from mlcomp.estimator.networks.builder import Builder
from mlcomp.estimator.networks.executed import Executed, Mapping
from mlcomp.estimator.networks.features import natural, table
from mlcomp.estimator.networks.graph import Network, describe
from mlcomp.estimator.networks.store import Measured

NAME = "made-up"
OVERHEAD, PEAK, BANDWIDTH = 2e-6, 50e9, 4e9


def execute(network: Network) -> Mapping:
    """Activations after a convolution that nobody else reads are fused, `Flatten` is removed."""
    groups: dict[int, list[int]] = {}
    for i, layer in enumerate(network.layers):
        if layer.type == "Flatten":
            continue
        before = network.producer.get(layer.inputs[0])
        fused = layer.type in ("Relu", "Sigmoid") and before is not None and network.layers[before].type == "Conv"
        if fused and len(network.consumers[layer.inputs[0]]) == 1 and layer.inputs[0] not in network.outputs:
            groups[before or 0].append(i)
        else:
            groups[i] = [i]
    pieces = [Executed(network.layers[m[0]].type, tuple(m)) for m in sorted(groups.values(), key=lambda m: m[-1])]
    x = table(Mapping(network, tuple(pieces)))
    seconds = OVERHEAD + np.maximum(natural(x, "ops") / PEAK, natural(x, "bytes") / BANDWIDTH)
    return Mapping(
        network, tuple(Executed(p.kind, p.layers, "", float(t)) for p, t in zip(pieces, seconds, strict=True))
    )


def measure(name: str) -> Measured:
    """A benchmark on the platform."""
    _, network = describe(build(name), name)
    mapping = execute(network)
    return Measured(NAME, name, mapping, sum(p.seconds for p in mapping.executed), None)


def small_net(seed: int = 0) -> Builder:
    """A builder with a convolution, a branch and a sum; its output is the last node's."""
    net = Builder("small", seed)
    x = net.activation(net.conv(net.input(1, 3, 16, 16), 8, 3, stride=2), "Relu")
    y = net.op("Add", x, net.conv(x, 8, 1))
    net.linear(net.op("Flatten", net.op("GlobalAveragePool", y)), 4)
    return net


def small_model(path: Path) -> onnx.ModelProto:
    """That network in a file."""
    net = small_net()
    model = net.model(net.nodes[-1].output[0])
    onnx.save(model, path)
    return model
