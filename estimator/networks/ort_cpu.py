"""Platform `ort-cpu`: ONNX Runtime on this machine, one thread; what it executes, and CPU times of that.

ONNX Runtime writes the graph that it executes; names tell which layers of the network a node of it stands for.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from mlcomp.estimator.networks.benchmarks import build
from mlcomp.estimator.networks.executed import MOVERS, Executed, Mapping
from mlcomp.estimator.networks.graph import Layer, Network, NetworkError
from mlcomp.estimator.networks.runtime import Timed
from mlcomp.platforms.platform import digest, execute, find_program, make_once

SOURCE = Path(__file__).with_name("thread_clock.cpp")
BLOCKED = "nchwc"
REORDERS = ("ReorderInput", "ReorderOutput")
CHAINS = {"Gelu": ["Div", "Erf", "Add", "Mul", "Mul"], "QuickGelu": ["Sigmoid", "Mul"]}  # what is fused into these


@functools.cache
def clock() -> Path:
    """The library that makes the profiler count CPU time."""

    def make(out: Path) -> None:
        command = [find_program("clang++-19"), "-std=c++17", "-O2", "-shared", "-fPIC", str(SOURCE)]
        execute([*command, "-o", str(out / "clock.so")], "the profiler's clock")

    return make_once("clock", digest([SOURCE.read_bytes()]), make) / "clock.so"


class OrtCpu:
    """Measures networks; a context manager that owns a process."""

    name = "ort-cpu"

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> OrtCpu:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            with self._process as process:  # closes its pipes, too
                process.kill()
            self._process = None

    def benchmark(self, name: str) -> onnx.ModelProto:
        """`random:SEED` or `micro:SEED`."""
        return build(name)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            command = [sys.executable, "-m", "mlcomp.estimator.networks.ort_worker", str(clock())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self.__exit__()
            raise NetworkError("ONNX Runtime crashed on the network")
        answer: dict[str, Any] = json.loads(line)
        if "problem" in answer:
            raise NetworkError(f"ONNX Runtime refuses the network: {answer['problem']}")
        return answer

    def measure(self, model: onnx.ModelProto, network: Network, seconds: float, weights: Path | None = None) -> Timed:
        """Executes a model that `describe` has named; `weights` is the folder of external ones."""
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as scratch:
            folder = Path(scratch)
            if weights:
                onnx.load_external_data_for_model(model, str(weights))
            path = folder / "model.onnx"
            onnx.save(model, path, save_as_external_data=model.ByteSize() > 2**31 - 2**20, location="weights")
            answer = self._ask({"model": str(path), "seconds": seconds, "folder": scratch})
            optimised = onnx.load(folder / "optimised.onnx", load_external_data=False)
        mapping = align(network, optimised.graph, answer["nodes"])
        return Timed(mapping, answer["total"], answer["reference"], answer["spread"])


@dataclass
class _Part:
    """Executed nodes whose result the network does not have: parts of a layer that was split, with their data."""

    kinds: list[str]
    seconds: float
    roots: set[str]


def align(network: Network, graph: onnx.GraphProto, seconds: list[float]) -> Mapping:
    """Which layers each executed node stands for. What stands for none is inserted."""
    names = {layer.name: layer for layer in network.layers}
    equal = {name: name for name in network.inputs}  # tensors of the executed graph, as those of the network
    blocked: set[str] = set()
    assigned: set[int] = set()
    parts: dict[str, _Part] = {}
    found: list[Executed] = []
    constants = {tensor.name for tensor in graph.initializer}
    kept_names = {out for node in graph.node if node.op_type not in REORDERS for out in node.output}
    for node, time in zip(graph.node, seconds, strict=True):
        data = [name for name in node.input if name and name not in constants]
        waiting = [parts[name] for name in dict.fromkeys(data) if name in parts]
        parts |= {name: _Part([], 0.0, parts[name].roots) for name in data if name in parts}  # they count once
        reorder = node.op_type in REORDERS
        work = _Part(
            [k for part in waiting for k in part.kinds] + ([] if reorder else [node.op_type]),
            sum(part.seconds for part in waiting) + (0 if reorder else time),
            {t for part in waiting for t in part.roots} | {equal[name] for name in data if name in equal},
        )
        in_blocks = node.domain.endswith(BLOCKED) or any(name in blocked for name in data)
        if in_blocks and node.op_type != "ReorderOutput":
            blocked.update(node.output)
        if reorder and (data[0] in equal or not work.kinds or node.output[0] not in network.producer):
            equal[node.output[0]] = equal.get(data[0]) or min(work.roots)
            found.append(Executed(node.op_type, (), equal[node.output[0]], time))
            continue
        if reorder:  # it shows which tensor the parts have made
            equal[data[0]] = network.same.get(node.output[0], node.output[0])
        else:
            known = {out: t for out in node.output if out and (t := _stands_for(network, names, node, out, work))}
            if not known or any(t != out and t in kept_names for out, t in known.items()):
                parts[node.output[0]] = work
                continue
            equal.update({out: network.same.get(tensor, tensor) for out, tensor in known.items()})
        made = [equal[name] for name in (data if reorder else node.output) if name in equal]
        group = _closure(network, made, set(equal.values()) - set(made), assigned)
        assigned.update(group)
        kept = [i for i in group if network.layers[i].type not in MOVERS] or group[-1:]
        kind = "+".join(work.kinds) + (f"@{BLOCKED}" if in_blocks else "")
        found.append(Executed(kind, tuple(kept), "" if kept else made[0], work.seconds))
        if reorder:
            equal[node.output[0]] = made[0]
            found.append(Executed(node.op_type, (), made[0], time))
    for part in parts.values():
        if part.kinds:
            found.append(Executed("+".join(part.kinds), (), min(part.roots, default=network.inputs[0]), part.seconds))
    return Mapping(network, tuple(found))


def _stands_for(
    network: Network, names: dict[str, Layer], node: onnx.NodeProto, output: str, work: _Part
) -> str | None:
    """The tensor of the network that an executed node's output equals."""
    if output in network.producer:
        return output
    if node.name in names:
        return names[node.name].outputs[list(node.output).index(output)]
    if not node.name:  # from the body of an operator that is a function
        consumers = (network.layers[i] for root in sorted(work.roots) for i in network.consumers.get(root, []))
        return next((x.outputs[0] for x in consumers if function_body(x.type) == sorted(work.kinds)), None)
    if node.op_type in CHAINS:
        return _chain(network, sorted(work.roots), CHAINS[node.op_type])
    tensor = node.name.removesuffix(f"_{BLOCKED}").removesuffix("_bn")
    if tensor not in network.producer:
        return None
    done = network.layers[network.producer[tensor]].type
    if len(node.input) > 3 and node.input[3]:
        tensor, done = _after(network, tensor, "Add"), "Add"
    activation = next((a.s.decode() for a in node.attribute if a.name == "activation"), done)
    return tensor if activation == done else _after(network, tensor, activation)


def _chain(network: Network, tensors: list[str], types: list[str]) -> str | None:
    """The output of the last of layers of these types, where each reads the output of the one before."""
    for type_ in types:
        layers = [network.layers[i] for tensor in tensors for i in network.consumers.get(tensor, [])]
        tensors = [layer.outputs[0] for layer in layers if layer.type == type_]
    return tensors[0] if tensors else None


@functools.cache
def function_body(type_: str) -> list[str] | None:
    """Operators that an operator of ONNX is made of, sorted, if it is a function."""
    if not onnx.defs.has(type_):
        return None
    schema = onnx.defs.get_schema(type_)
    body = schema.function_body
    return sorted(n.op_type for n in body.node) if body.node else None


def _after(network: Network, tensor: str, type_: str) -> str:
    """The output of the next layer of a type, on the way from a tensor."""
    while consumers := network.consumers[tensor]:
        layer = next((network.layers[i] for i in consumers if network.layers[i].type == type_), None)
        if layer:
            return layer.outputs[0]
        tensor = network.layers[consumers[0]].outputs[0]
    return tensor


def _closure(network: Network, made: list[str], available: set[str], assigned: set[int]) -> list[int]:
    """Layers between available tensors and those that a node makes, in order."""
    group: set[int] = set()
    ahead = list(made)
    while ahead:
        tensor = ahead.pop()
        layer = network.producer.get(tensor)
        if tensor in available or layer is None or layer in group or layer in assigned:
            continue
        group.add(layer)
        ahead += [network.same.get(name, name) for name in network.data_inputs(network.layers[layer])]
    return sorted(group)
