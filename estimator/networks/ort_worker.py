"""Times networks in a process of its own: `python -m mlcomp.estimator.networks.ort_worker CLOCK`.

A request is a line of JSON with the path of a model and CPU seconds; the answer is a line with CPU times in seconds,
25th percentiles over runs: of the network, of its nodes, and of a reference kernel that ran in between.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FEWEST = 8  # runs
MOST = 200
BLOCK = 0.004  # seconds of runs in a row, so that caches are as in steady use
LONGEST_BLOCK = 10
SPREAD = 0.04  # between the median and the 25th percentile; above it, measuring goes on
PATIENCE = 3.0  # times the seconds that were asked for
Session = Any
Run = Callable[[], object]


def open_session(model: Path, optimised: Path | None = None, profile: Path | None = None) -> Session:
    """One thread; all optimisations, or none for a profile, which is made of what is optimised already."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if optimised:
        options.optimized_model_filepath = str(optimised)
    if profile:
        options.enable_profiling = True
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.profile_file_prefix = str(profile)
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def runner(session: Session) -> Run:
    """Runs the network on fixed random data."""
    random = np.random.default_rng(0)
    feeds = {}
    for value in session.get_inputs():
        kind = value.type.removeprefix("tensor(").removesuffix(")")
        dtype = {"float": "float32", "double": "float64"}.get(kind, kind)
        feeds[value.name] = random.standard_normal(value.shape).astype(dtype)
    return lambda: session.run(None, feeds)


def cpu_seconds(run: Run) -> float:
    """CPU time of one run in this thread."""
    start = time.thread_time_ns()
    run()
    return (time.thread_time_ns() - start) * 1e-9


def measure(model: Path, seconds: float, reference: Run, folder: Path) -> dict[str, Any]:
    """The answer to a request."""
    optimised = folder / "optimised.onnx"
    plain = open_session(model, optimised)
    profiled = open_session(number_nodes(optimised), None, folder / "profile")
    runs = {"plain": runner(plain), "profiled": runner(profiled)}
    reference()
    first = max(cpu_seconds(runs["plain"]) for _ in range(2))
    for _ in range(2):
        runs["profiled"]()
    block = max(1, min(LONGEST_BLOCK, round(BLOCK / max(first, 1e-6))))
    warm = 3  # runs of the profiled session that do not count
    times: dict[str, list[float]] = {"plain": [], "reference": []}
    counted: list[int] = []
    start = time.thread_time()
    while True:
        for kind, run in runs.items():
            reference()
            times["reference"].append(cpu_seconds(reference))
            if block > 1:
                run()
            for _ in range(block):
                if kind == "plain":
                    times[kind].append(cpu_seconds(run))
                else:
                    run()
            if kind == "profiled":
                done = (counted[-1] if counted else warm - 2) + 1 + (block > 1)
                counted += range(done, done + block)
        spent = time.thread_time() - start
        low, middle = np.quantile(times["plain"], (0.25, 0.5))
        patient = PATIENCE if middle > (1 + SPREAD) * low else 1.0
        if len(times["plain"]) >= MOST or (len(times["plain"]) >= FEWEST and spent > patient * seconds):
            break
    nodes = node_times(Path(profiled.end_profiling()), set(counted))
    return {
        "total": float(np.quantile(times["plain"], 0.25)),
        "spread": float(middle / low - 1),
        "reference": float(np.quantile(times["reference"], 0.25)),
        "runs": len(times["plain"]),
        "nodes": nodes,
    }


def number_nodes(optimised: Path) -> Path:
    """The same network with numbers as the names of its nodes."""
    import onnx

    model = onnx.load(optimised)
    for index, node in enumerate(model.graph.node):
        node.name = str(index)
    path = optimised.with_name("numbered.onnx")
    onnx.save(model, path, save_as_external_data=model.ByteSize() > 2**31 - 2**20, location="numbered")
    return path


def node_times(profile: Path, counted: set[int]) -> list[float]:
    """Seconds of each node, by its number, from the profiler's file."""
    times: dict[int, list[float]] = {}
    for event in json.loads(profile.read_text()):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            number = int(event["name"].removesuffix("_kernel_time"))
            times.setdefault(number, []).append(event["dur"] * 1e-9)
    return [float(np.quantile([t for i, t in enumerate(times[n]) if i in counted], 0.25)) for n in range(len(times))]


def reference_model() -> bytes:
    """A convolution that takes a third of a millisecond or so; other times are compared with it."""
    from mlcomp.estimator.networks.builder import Builder

    net = Builder("reference", 0)
    return bytes(net.model(net.conv(net.input(1, 64, 28, 28), 64, 3)).SerializeToString())


def main() -> None:
    """Answers requests until the input ends."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)  # before ONNX Runtime is loaded
    with tempfile.TemporaryDirectory(prefix="mlcomp-") as scratch:
        model = Path(scratch, "reference.onnx")
        model.write_bytes(reference_model())
        reference = runner(open_session(model))
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = measure(Path(request["model"]), request["seconds"], reference, Path(request["folder"]))
            except Exception as problem:  # onnxruntime has no common base class for its errors
                answer = {"problem": " ".join(str(problem).split())[:300]}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
