"""Costs of our own parts, in CPU time: launcher, plugin, Session steps, policy loading; and that builds repeat.

python benchmarks/speed.py --out benchmarks/results/speed.json
"""

from __future__ import annotations

import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mlcomp.passes_features.native import library_path
from mlcomp.passes_features.session import Session
from mlcomp.platforms.targets import targets
from mlcomp.training import corpus

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
STEPS = [
    "function(sroa)",
    "function(instcombine<no-verify-fixpoint>)",
    "function(simplifycfg)",
    "function(early-cse<memssa>)",
    "function(gvn)",
    "function(adce)",
    "function(loop-mssa(licm))",
    "function(sccp)",
    "function(reassociate)",
    "globaldce",
]


def cpu_of(command: list[str]) -> float:
    """CPU milliseconds of a command, children included."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"failed: {' '.join(command)}")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def compare(commands: dict[str, list[str]], runs: int) -> dict[str, Any]:
    """Median CPU milliseconds of each command, run in turn, and of the pairwise differences to the first one."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(cpu_of(command))
    first = next(iter(commands))
    return {
        name: {
            "median_ms": round(statistics.median(values), 2),
            "over_first_ms": round(statistics.median(b - a for a, b in zip(times[first], values, strict=True)), 2),
        }
        for name, values in times.items()
    }


def steps_per_second(seconds: float) -> dict[str, Any]:
    """Actions and features per CPU second on modules of about 600 instructions."""
    modules = [m for m in corpus.load("riscv32", "train") if 550 <= m.instructions <= 650][:8]
    random_ = random.Random(0)
    steps, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for module in modules:
            with Session.from_file(module.path) as session:
                for _ in range(40):
                    session.apply(random_.choice(STEPS))
                    session.features()
                    steps += 1
    return {"modules": len(modules), "steps_per_cpu_second": round(steps / (time.process_time() - start))}


def repeated(mlcc: str, count: int) -> dict[str, int]:
    """How many test files give the same object twice."""
    target = targets()["riscv32"]
    modules = corpus.load("riscv32", "test")[:count]
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        for module in modules:
            flags = [f for f in module.flags if not f.startswith("-O")]
            objects = []
            for name in ("a.o", "b.o"):
                out = Path(folder, name)
                command = [mlcc, *flags, "-O=ml-size", "-c", module.source, "-o", str(out)]
                subprocess.run(command, cwd=module.root, check=True, capture_output=True)
                objects.append(out.read_bytes())
            same += objects[0] == objects[1]
    return {"files": len(modules), "identical": same, "sections": int(target.sections)}


@click.command()
@click.option("--runs", default=40, show_default=True)
@click.option("--mlcc", default=str(Path(sys.executable).with_name("mlcc")))
@click.option("--out", type=click.Path(path_type=Path))
def main(runs: int, mlcc: str, out: Path | None) -> None:
    """Measure and print; with --out also write JSON."""
    plugin = str(library_path().with_name("mlcomp-plugin.so"))
    load = [f"-fpass-plugin={plugin}", "-Xclang", "-load", "-Xclang", plugin]
    policy = str(library_path().parent.parent / "policies" / "x86_64-size")

    def option(text: str) -> list[str]:
        return ["-Xclang", "-mllvm", "-Xclang", text]

    with tempfile.TemporaryDirectory() as folder:
        source, obj = Path(folder, "hello.c"), str(Path(folder, "hello.o"))
        source.write_text(HELLO)
        base = ["-Oz", "-c", str(source), "-o", obj]
        clang, interpreter = ["clang-19", *base], shlex.quote(sys.executable)
        measures: dict[str, Callable[[], Any]] = {
            "launcher": lambda: compare(
                {
                    "python3, then clang": ["sh", "-c", f"{interpreter} -I -c pass; exec {shlex.join(clang)}"],
                    "mlcc": [mlcc, *base],
                    "clang": clang,
                },
                runs,
            ),
            "plugin": lambda: compare(
                {
                    "clang -Oz": ["clang-19", *base],
                    "plugin, baseline sequence": ["clang-19", *base, *load, *option("-mlcomp-sequence=default<Oz>")],
                    "policy, effort 0": [
                        "clang-19", *base, *load, *option(f"-mlcomp-policy={policy}"), *option("-mlcomp-effort=0"),
                    ],
                    "policy, effort 1": [
                        "clang-19", *base, *load, *option(f"-mlcomp-policy={policy}"), *option("-mlcomp-effort=1"),
                    ],
                },
                runs,
            ),
            "session": lambda: steps_per_second(10),
            "repeated": lambda: repeated(mlcc, 40),
        }  # fmt: skip
        results = {"command": "benchmarks/speed.py " + " ".join(sys.argv[1:])}
        for name, measure in measures.items():
            results[name] = measure()
            click.echo(f"{name}: {json.dumps(results[name], indent=1)}")
    if out:
        out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
