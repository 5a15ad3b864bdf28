"""Exports the networks that `benchmarks/networks.py` tests estimates on, and others to tune on, as ONNX files.

Runs in an environment of its own, which setup leaves out, as PyTorch is large:

    python3 -m venv build/torch && build/torch/bin/pip install torch==2.13.0 onnx==1.23.2 numpy requests
    build/torch/bin/pip install --no-deps pytorchcv==0.0.74 nasbench-pytorch==1.3.1
    build/torch/bin/python benchmarks/network_models.py --out build/networks/models
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

OPSET = 17
TEST = {
    "resnet18": 224,
    "resnet50": 224,
    "mobilenetv2_w1": 224,
    "mobilenetv3_large_w1": 224,
    "inceptionv3": 299,
    "densenet121": 224,
    "efficientnet_b0": 224,
    "shufflenetv2_w1": 224,
    "mnasnet_b1": 224,
    "squeezenet_v1_1": 224,
    "nasnet_4a1056": 224,
    "lwopenpose2d_mobilenet_cmupan_coco": 256,
}
VALIDATION = {
    "resnet34": 224,
    "preresnet26": 224,
    "mobilenet_w1": 224,
    "mobilenetv3_small_w1": 224,
    "mobilenetv2b_w3d4": 224,
    "bninception": 224,
    "peleenet": 224,
    "mixnet_s": 224,
    "shufflenet_g1_w1": 224,
    "fbnet_cb": 224,
    "squeezeresnet_v1_1": 224,
    "seresnet18": 224,
    "vovnet27s": 224,
    "hardnet39ds": 224,
    "igcv3_w1": 224,
    "darknet19": 224,
}
NASBENCH = 34
VERTICES, EDGES = 7, 9
OPERATIONS = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")


class ResNet18(nn.Module):
    """ResNet-18 as in its paper, without a package."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = 64
        for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [Basic(channels, width, stride), Basic(width, width, 1)]
            channels = width
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x)  # type: ignore[no-any-return]


class Basic(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.around: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.around(x))


def pytorchcv(name: str) -> nn.Module:
    """A model of the package, untrained. A model that is none of ours needs torchvision; its place is held."""
    for module in ("torchvision", "torchvision.ops"):
        sys.modules.setdefault(module, types.ModuleType(module))
    vars(sys.modules["torchvision.ops"]).setdefault("DeformConv2d", nn.Module)
    from pytorchcv.model_provider import get_model

    return get_model(name, pretrained=False)  # type: ignore[no-any-return]


def nasbench_cells(count: int, seed: int) -> list[tuple[list[list[int]], list[str]]]:
    """Different valid cells, drawn as NASBench-101 draws them."""
    from nasbench_pytorch.model import ModelSpec

    generator = random.Random(seed)
    found: list[tuple[list[list[int]], list[str]]] = []
    seen = set()
    while len(found) < count:
        matrix = [[generator.randint(0, 1) if j > i else 0 for j in range(VERTICES)] for i in range(VERTICES)]
        operations = ["input", *(generator.choice(OPERATIONS) for _ in range(VERTICES - 2)), "output"]
        try:
            spec = ModelSpec(matrix, list(operations))
        except RuntimeError:  # what the package says of a cell whose output does not depend on its input
            continue
        if len(spec.ops) < 3 or spec.matrix.sum() > EDGES:
            continue
        key = (str(spec.matrix.tolist()), tuple(spec.ops))
        if key not in seen:
            seen.add(key)
            found.append((matrix, operations))
    return found


def nasbench(matrix: list[list[int]], operations: list[str]) -> nn.Module:
    """The network of a cell."""
    from nasbench_pytorch.model import ModelSpec, Network

    return Network(ModelSpec(matrix, list(operations)), num_labels=10)  # type: ignore[no-any-return]


def export(model: nn.Module, size: int, path: Path) -> None:
    """Writes a model; files that are there are kept."""
    model.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.randn(1, 3, size, size),), str(path), opset_version=OPSET, dynamo=False)


def main() -> None:
    """All networks, each in the folder of its set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", dest="sets", action="append", choices=["test", "validation", "nasbench"])
    arguments = parser.parse_args()
    jobs: list[tuple[str, str, int, Callable[[], nn.Module]]] = []
    for name, size in TEST.items():
        jobs.append(("test", name, size, ResNet18 if name == "resnet18" else lambda name=name: pytorchcv(name)))
    for name, size in VALIDATION.items():
        jobs.append(("validation", name, size, lambda name=name: pytorchcv(name)))
    for index, cell in enumerate(nasbench_cells(NASBENCH, seed=101)):
        jobs.append(("nasbench", f"nasbench-{index:02}", 32, lambda cell=cell: nasbench(*cell)))
    done: list[Any] = []
    for kind, name, size, make in jobs:
        path = arguments.out / kind / f"{name}.onnx"
        if arguments.sets and kind not in arguments.sets:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            torch.manual_seed(0)
            scratch = path.with_suffix(".writing")
            export(make(), size, scratch)
            scratch.replace(path)
        done.append(str(path))
        print(json.dumps({"exported": str(path)}), flush=True)


if __name__ == "__main__":
    main()
