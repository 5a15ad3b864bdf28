"""What the platforms can be trusted with: every kernel at several levels on every platform.

Checks that all checksums agree, that two runs count the same, and how far the fast simulator is from the RTL. Writes
one JSON file, from which a part of docs/results.md is made.

    python benchmarks/platforms.py --out benchmarks/results/platforms.json
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from mlcomp.platforms.measurement import Limits, PlatformError, Size
from mlcomp.platforms.platform import Platform, digest, find_platform, platforms
from mlcomp.platforms.program import build
from mlcomp.training.corpus.manifest import CorpusError
from mlcomp.training.kernels import Kernel, kernels

LEVELS = ("-O0", "-O2", "-O3", "-Oz")
REPEATED = "-O2"  # built and run twice
LIMITS = Limits(cycles=100_000_000)


def measure(sharing: list[Platform], kernel: Kernel, level: str) -> dict[str, dict[str, Any]]:
    """One program, built once for platforms of a target: by platform, what a run gives; see `one_run`."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            program, size = build(sharing[0], ["clang-19", level], kernel.files(), Path(folder))
        except (PlatformError, CorpusError) as problem:
            return {platform.name: {"problem": str(problem)} for platform in sharing}
        return {platform.name: one_run(platform, program, size, level) for platform in sharing}


def one_run(platform: Platform, program: Path, size: Size, level: str) -> dict[str, Any]:
    """Counts of the region, what was printed, and whether a second run gives the same."""
    try:
        runs = [platform.run(program, LIMITS, size) for _ in range(2 if level == REPEATED else 1)]
    except PlatformError as problem:
        return {"problem": str(problem)}
    exact = [({k: v for k, v in (r.region or {}).items() if k != "cpu_time"}, r.output) for r in runs]
    first = runs[0]
    return {
        "problem": next((r.problem for r in runs if r.problem), ""),
        "output": first.output.decode(errors="replace").strip(),
        "flash": size.flash,
        "counts": {name: (first.region or {}).get(name) for name in ("cycles", "instructions")},
        "identical": all(e == exact[0] for e in exact) if len(runs) > 1 else None,
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
            if fast and not rtl["problem"] and not fast["problem"] and rtl["counts"]["cycles"]:
                errors[f"{kernel} {level}"] = fast["counts"]["cycles"] / rtl["counts"]["cycles"] - 1
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
@click.option("--jobs", "-j", default=os.cpu_count(), show_default=True)
@click.option(
    "--kept", default="build/platforms.jsonl", type=click.Path(path_type=Path), help="What is measured already."
)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(names: tuple[str, ...], jobs: int, kept: Path, out: Path) -> None:
    """Measure all kernels on all platforms; an interrupted run goes on."""
    chosen = [find_platform(name) for name in names or platforms()]
    for platform in chosen:
        platform.prepare(lambda text: click.echo(text, err=True))
    known: dict[str, dict[str, Any]] = {}
    if kept.exists():
        known = {row["key"]: row["row"] for row in map(json.loads, kept.read_text().splitlines())}
    kept.parent.mkdir(parents=True, exist_ok=True)
    targets = sorted({p.target_name for p in chosen})
    groups = [[p for p in chosen if p.target_name == target] for target in targets]
    work = [(k, group, level) for k in kernels() for group in groups for level in LEVELS]
    rows: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}

    def measured(task: tuple[Kernel, list[Platform], str]) -> tuple[str, dict[str, dict[str, Any]]]:
        kernel, group, level = task
        headers = sorted(kernel.folder.rglob("*.h"))
        sources = [path.read_bytes() for path in (*headers, *(source.path for source in kernel.files()))]
        platforms_ = [platform.fingerprint().encode() for platform in group]
        key = digest([*sources, repr(kernel).encode(), *platforms_, level.encode()])
        return key, known.get(key) or measure(group, kernel, level)

    with ThreadPoolExecutor(jobs) as pool, Progress() as progress, kept.open("a") as log:
        task = progress.add_task("programs", total=len(work))
        for (kernel, _, level), (key, found) in zip(work, pool.map(measured, work), strict=True):
            if key not in known:
                log.write(json.dumps({"key": key, "row": found}) + "\n")
                log.flush()
            for name, row in found.items():
                rows.setdefault(kernel.name, {}).setdefault(name, {})[level] = row
            progress.advance(task)
    flat = [r for by_platform in rows.values() for levels in by_platform.values() for r in levels.values()]
    repeated = [r for r in flat if r.get("identical") is not None]
    result = {
        "command": " ".join(["benchmarks/platforms.py", *sys.argv[1:]]),
        "levels": LEVELS,
        "platforms": [p.name for p in chosen],
        "programs": len(flat),
        "checksums": agreement(rows),
        "run_twice": {"programs": len(repeated), "identical": sum(r["identical"] for r in repeated)},
        "fast_ibex_against_rtl": fast_error(rows),
        "kernels": {
            kernel: {p: {level: list(r.get("counts", {}).values()) for level, r in ls.items()} for p, ls in by.items()}
            for kernel, by in rows.items()
        },
    }
    text = json.dumps({k: v for k, v in result.items() if k != "kernels"}, indent=1)
    kernel_lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in result["kernels"].items())
    out.write_text(f'{text[:-2]},\n "kernels": {{\n{kernel_lines}\n }}\n}}\n')
    click.echo(text)


if __name__ == "__main__":
    main()
