"""What the platforms can be trusted with: every kernel at several levels on every platform.

Checks that all checksums agree, that two runs count the same, how far the fast simulator is from the RTL, and how
fast each platform runs. Writes one JSON file, from which a part of docs/results.md is made.

    python benchmarks/platforms.py --out benchmarks/results/platforms.json
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from mlcomp.platforms.measurement import Limits, PlatformError
from mlcomp.platforms.platform import Platform, find_platform, platforms
from mlcomp.platforms.program import build
from mlcomp.training.corpus.manifest import CorpusError
from mlcomp.training.kernels import Kernel, kernels

LEVELS = ("-O0", "-O2", "-O3", "-Oz")
LIMITS = Limits(cycles=100_000_000)


def measure(platform: Platform, kernel: Kernel, level: str) -> dict[str, Any]:
    """Two runs of one program: counts, output, wall seconds of the second run."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            program, size = build(platform, ["clang-19", level], kernel.files(), Path(folder))
            first = platform.run(program, LIMITS, size)
            start = time.perf_counter()
            second = platform.run(program, LIMITS, size)
            seconds = time.perf_counter() - start
        except (PlatformError, CorpusError) as problem:
            return {"problem": str(problem)}
    exact = [{k: v for k, v in (r.region or {}).items() if k != "cpu_time"} for r in (first, second)]
    return {
        "problem": first.problem or second.problem,
        "output": first.output.decode(errors="replace").strip(),
        "flash": size.flash,
        "region": exact[0],
        "identical": exact[0] == exact[1] and first.output == second.output,
        "main_cycles": first.main.get("cycles", 0),
        "seconds": seconds,
    }


def agreement(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """How many programs printed the same on every platform and at every level, and which did not."""
    different = []
    for kernel, by_platform in rows.items():
        outputs = {r.get("output") for levels in by_platform.values() for r in levels.values()}
        problems = [r["problem"] for levels in by_platform.values() for r in levels.values() if r["problem"]]
        if len(outputs) != 1 or problems:
            different.append({"kernel": kernel, "outputs": sorted(map(str, outputs)), "problems": problems[:3]})
    return {"kernels": len(rows), "different": different}


def fast_error(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Relative error of the fast simulator's cycles against the RTL's, over all kernels and levels."""
    errors = {}
    for kernel, by_platform in rows.items():
        for level, rtl in by_platform.get("ibex", {}).items():
            fast = by_platform.get("ibex-fast", {}).get(level)
            if fast and not rtl["problem"] and not fast["problem"] and rtl["region"].get("cycles"):
                errors[f"{kernel} {level}"] = fast["region"]["cycles"] / rtl["region"]["cycles"] - 1
    if not errors:
        return {"programs": 0}
    worst = max(errors, key=lambda k: abs(errors[k]))
    return {
        "programs": len(errors),
        "mean": sum(map(abs, errors.values())) / len(errors),
        "worst": abs(errors[worst]),
        "worst_program": worst,
    }


@click.command()
@click.option("--platform", "names", multiple=True, type=click.Choice(list(platforms())), help="All unless given.")
@click.option("--level", "levels", multiple=True, default=LEVELS, show_default=True)
@click.option("--jobs", "-j", default=os.cpu_count(), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(names: tuple[str, ...], levels: tuple[str, ...], jobs: int, out: Path) -> None:
    """Measure all kernels on all platforms."""
    chosen = [find_platform(name) for name in names or platforms()]
    for platform in chosen:
        platform.prepare(lambda text: click.echo(text, err=True))
    work = [(k, p, level) for k in kernels() for p in chosen for level in levels]
    rows: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    with ThreadPoolExecutor(jobs) as pool, Progress() as progress:
        task = progress.add_task("programs", total=len(work))
        for (kernel, platform, level), row in zip(
            work, pool.map(lambda w: measure(w[1], w[0], w[2]), work), strict=True
        ):
            rows.setdefault(kernel.name, {}).setdefault(platform.name, {})[level] = row
            progress.advance(task)
    good = [r for by_platform in rows.values() for levels_ in by_platform.values() for r in levels_.values()]
    speed = {}
    for platform in chosen:
        mine = [r for by in rows.values() for r in by[platform.name].values() if not r["problem"]]
        cycles, seconds = sum(r["main_cycles"] for r in mine), sum(r["seconds"] for r in mine)
        speed[platform.name] = {"million_cycles_per_second": cycles / seconds / 1e6, "seconds": seconds}
    result = {
        "command": " ".join(["benchmarks/platforms.py", *sys.argv[1:]]),
        "levels": list(levels),
        "checksums": agreement(rows),
        "repeated_runs_identical": sum(r.get("identical", False) for r in good),
        "programs": len(good),
        "fast_ibex_against_rtl": fast_error(rows),
        "speed_with_start_up": speed,
        "cpu_seconds": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime,
        "kernels": {
            kernel: {p: {level: r.get("region") for level, r in ls.items()} for p, ls in by.items()}
            for kernel, by in rows.items()
        },
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps({k: v for k, v in result.items() if k != "kernels"}, indent=1))


if __name__ == "__main__":
    main()
