"""How long one prediction takes in the native evaluator, against running the same program on the RTL.

    python benchmarks/prediction_speed.py --platform ibex --out benchmarks/results/prediction-speed.json

CPU time. A prediction is the model and its difficulty, for inputs that are at hand as they are in the compiler, where
code generation brings them.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from mlcomp.cli.estimator import ESTIMATORS, designs_of
from mlcomp.estimator.fit import Estimator
from mlcomp.passes_features.native_model import Model
from mlcomp.platforms.measurement import Limits
from mlcomp.platforms.platform import find_platform
from mlcomp.platforms.program import build
from mlcomp.training.kernels import kernels
from mlcomp.training.programs import usable_kernels

REPEATS = 2000
PROGRAMS = 8  # run on the RTL


def native_microseconds(folder: Path, estimator: Estimator, inputs: dict[str, Any]) -> dict[str, float]:
    """CPU microseconds of one prediction with its interval, by setting and metric."""
    table = {}
    for setting, metric in estimator.keys:
        x = inputs[setting]
        with (
            Model(folder / f"{setting}-{metric}.onnx", "native") as model,
            Model(folder / f"{setting}-{metric}-difficulty.onnx", "native") as difficulty,
        ):
            start = time.process_time()
            for i in range(REPEATS):
                row = x[i % len(x)]
                predicted = model.run(row)[0]
                difficulty.run(np.append(row, (predicted, abs(predicted))).astype(np.float32))
            table[f"{setting} {metric}"] = round((time.process_time() - start) / REPEATS * 1e6, 2)
    return table


def rtl_seconds(platform: str) -> float:
    """Mean CPU seconds of running a test kernel, built at -O3."""
    place = find_platform(platform)
    place.prepare(lambda text: click.echo(text, err=True))
    chosen = usable_kernels(kernels("test"))[:PROGRAMS]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    built = 0.0
    for kernel in chosen:
        with tempfile.TemporaryDirectory() as folder:
            start = resource.getrusage(resource.RUSAGE_CHILDREN)
            program, size = build(place, ["clang-19", "-O3"], kernel.files(), Path(folder))
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            built += end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
            place.run(program, Limits(), size)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime - built) / len(chosen)


@click.command()
@click.option("--platform", default="ibex", show_default=True)
@click.option("--estimator", "name", default="ibex-fast", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(platform: str, name: str, out: Path) -> None:
    """Measure both and write one JSON file."""
    folder = ESTIMATORS / name
    inputs = {setting: design.x.astype(np.float32) for setting, design in designs_of(name, None).items()}
    table = native_microseconds(folder, Estimator(folder), inputs)
    seconds = rtl_seconds(platform)
    result = {
        "command": " ".join(["python benchmarks/prediction_speed.py", *sys.argv[1:]]),
        "native_microseconds": table,
        "rtl_seconds": round(seconds, 4),
        "times_faster": round(seconds * 1e6 / max(table.values())),
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
