"""What the policies for time, energy and all at once bring: test kernels, against clang's levels, on the RTL.

Every program is compiled from source by `mlcc` and by clang, its output compared, and its region of interest
counted. Writes one JSON file, from which a part of docs/results.md is made.

    python benchmarks/objectives.py --out benchmarks/results/objectives.json
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from mlcomp.platforms.measurement import Limits, PlatformError
from mlcomp.platforms.platform import Platform, find_platform
from mlcomp.platforms.program import build, measure
from mlcomp.training.kernels import Kernel, kernels
from mlcomp.training.programs import usable_kernels

LEVELS = ("-O3", "-O2", "-Os", "-Oz")
OBJECTIVES = {"time": "ml-time", "energy": "ml-energy", "balanced": "ml"}
LIMITS = Limits(cycles=100_000_000)
WORSE = 1.01  # times the baseline


def figures(platform: Platform, kernel: Kernel, compiler: list[str]) -> dict[str, Any]:
    """Cycles, energy and flash bytes of a kernel's region, and what it printed; or the problem."""
    with tempfile.TemporaryDirectory(prefix="mlcomp-") as folder:
        try:
            program, size = build(platform, compiler, kernel.files(), Path(folder))
            result = measure(platform, program, size, LIMITS)
        except PlatformError as problem:
            return {"problem": str(problem)}
    counts = result.region or result.main
    return {
        "problem": result.problem,
        "output": result.output.decode(errors="replace"),
        "cycles": counts["cycles"],
        "energy": counts["energy"],
        "flash": size.flash,
    }


def geomean(ratios: list[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def summary(rows: dict[str, dict[str, dict[str, Any]]], compiler: str) -> dict[str, Any]:
    """How a compiler's programs compare with clang -O3's, metric by metric; energy also with the best level's."""
    table: dict[str, Any] = {}
    good = [r for r in rows.values() if not r[compiler]["problem"]]
    for metric in ("cycles", "energy", "flash"):
        ratios = [r[compiler][metric] / r["-O3"][metric] for r in good]
        table[metric] = {
            "geomean": geomean(ratios),
            "best": min(ratios),
            "worst": max(ratios),
            "worse_than_1_percent": sum(ratio > WORSE for ratio in ratios) / len(ratios),
        }
    best_level = [r[compiler]["energy"] / min(r[level]["energy"] for level in ("-O2", "-O3", "-Os")) for r in good]
    table["energy"]["against_best_level"] = geomean(best_level)
    table["energy"]["worse_than_best_level"] = sum(ratio > WORSE for ratio in best_level) / len(best_level)
    table["wrong"] = sorted(k for k, r in rows.items() if r[compiler].get("output") != r["-O3"].get("output"))
    return table


@click.command()
@click.option("--platform", "name", default="ibex", show_default=True)
@click.option("--split", default="test", show_default=True, type=click.Choice(["validation", "test"]))
@click.option("--objective", "objectives", multiple=True, type=click.Choice(list(OBJECTIVES)), help="All unless given.")
@click.option("--effort", "efforts", multiple=True, type=click.IntRange(0, 3), help="0 to 3 unless given.")
@click.option("--jobs", "-j", default=os.cpu_count(), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(name: str, split: str, objectives: tuple[str, ...], efforts: tuple[int, ...], jobs: int, out: Path) -> None:
    """Measure the objectives' policies on kernels that none of them has seen."""
    platform = find_platform(name)
    platform.prepare(lambda text: click.echo(text, err=True))
    compilers = {level: ["clang-19", level] for level in LEVELS}
    for objective in objectives or OBJECTIVES:
        for effort in efforts or range(4):
            words = ["mlcc", f"-O={OBJECTIVES[objective]}", f"--ml-effort={effort}"]
            compilers[f"{objective}, effort {effort}"] = words
    chosen = usable_kernels(kernels(split))
    work = [(kernel, compiler) for kernel in chosen for compiler in compilers]
    rows: dict[str, dict[str, dict[str, Any]]] = {kernel.name: {} for kernel in chosen}
    with ThreadPoolExecutor(jobs) as pool, Progress() as progress:
        task = progress.add_task("programs", total=len(work))

        def one(job: tuple[Kernel, str]) -> dict[str, Any]:
            return figures(platform, job[0], compilers[job[1]])

        for (kernel, compiler), row in zip(work, pool.map(one, work), strict=True):
            rows[kernel.name][compiler] = row
            progress.advance(task)
    result = {
        "command": " ".join(["python benchmarks/objectives.py", *sys.argv[1:]]),
        "platform": name,
        "split": split,
        "programs": len(rows),
        "compilers": {compiler: summary(rows, compiler) for compiler in compilers},
        "kernels": {
            kernel: {c: [r.get("cycles"), r.get("energy"), r.get("flash"), r["problem"]] for c, r in by.items()}
            for kernel, by in rows.items()
        },
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    for compiler, table in result["compilers"].items():
        click.echo(f"{compiler}: " + ", ".join(f"{m} {table[m]['geomean']:.4f}" for m in ("cycles", "energy", "flash")))


if __name__ == "__main__":
    main()
