"""Size and build cost of the test projects: mlcc -O=ml-size at several efforts against clang -Oz.

Compiles every file of the corpus's test projects from source, links each object on its own (so that the linker's
relaxation counts), and adds up CPU time as the kernel accounts it. Writes one JSON file per target; the table in
docs/results.md is made from it. Test projects are used here only.

    python benchmarks/size.py --target riscv32 --effort 0 --effort 1 --out benchmarks/results/size-riscv32.json
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from rich.progress import Progress

from mlcomp.passes_features.native import object_size
from mlcomp.platforms.targets import Target, targets
from mlcomp.training import corpus
from mlcomp.training.corpus import ModuleRecord

UNWIND = (".eh_frame", ".ARM.ex", ".gcc_except")


@dataclass(frozen=True)
class Built:
    """One file under one compiler: bytes and CPU seconds."""

    flash: int  # .text + .rodata + .data after linking
    loaded: int  # the same with unwind tables
    object_flash: int  # of the object, calls counted as relaxed, with unwind tables
    cpu: float


def linked_sizes(path: Path) -> tuple[int, int]:
    """Bytes of the loaded sections without and with unwind tables."""
    flash = loaded = 0
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            header = section.header
            if header["sh_flags"] & SH_FLAGS.SHF_ALLOC and header["sh_type"] != "SHT_NOBITS":
                loaded += header["sh_size"]
                if not section.name.startswith(UNWIND):
                    flash += header["sh_size"]
    return flash, loaded


def run_for_cpu(command: list[str], folder: Path) -> float:
    """Runs a command and returns its CPU seconds, children included; raises on failure."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command[:3])}: {errors.read().decode(errors='replace')[:300]}")
    return usage.ru_utime + usage.ru_stime


def build(target: Target, module: ModuleRecord, compiler: list[str], level: list[str], scratch: Path) -> Built:
    """Compiles and links one file."""
    flags = [f for f in module.flags if not f.startswith("-O")]
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        obj, image = Path(folder, "out.o"), Path(folder, "out.elf")
        cpu = run_for_cpu([*compiler, *flags, *level, "-c", module.source, "-o", str(obj)], module.root)
        command = ["ld.lld-19", "-m", target.emulation, "--unresolved-symbols=ignore-all", "-e", "0"]
        run_for_cpu(
            [*command, "--noinhibit-exec", "-z", "norelro", "--build-id=none", str(obj), "-o", str(image)], Path(folder)
        )
        flash, loaded = linked_sizes(image)
        size = object_size(obj.read_bytes())
    return Built(flash, loaded, size.text + size.rodata + size.data, cpu)


def geomean(ratios: list[float]) -> float:
    """Geometric mean; 1 for an empty list."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else 1.0


def summarise(rows: list[dict[str, Any]], effort: str) -> dict[str, Any]:
    """Ratios of one effort against -Oz over files, projects and in total."""
    done = [r for r in rows if effort in r["ml"]]
    ratio = [r["ml"][effort]["flash"] / r["oz"]["flash"] for r in done if r["oz"]["flash"]]
    projects: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in done:
        projects[row["project"]].append(row)

    def total(part: list[dict[str, Any]], key: str, field: str) -> float:
        return float(sum(r["ml"][effort][field] if key == "ml" else r["oz"][field] for r in part))

    per_project = {
        name: {
            "files": len(part),
            "geomean": geomean([r["ml"][effort]["flash"] / r["oz"]["flash"] for r in part if r["oz"]["flash"]]),
            "total": total(part, "ml", "flash") / total(part, "oz", "flash"),
            "worst": max(r["ml"][effort]["flash"] / r["oz"]["flash"] for r in part if r["oz"]["flash"]),
        }
        for name, part in sorted(projects.items())
    }
    larger = [
        {"file": f"{r['project']}/{r['source']}", "oz": r["oz"]["loaded"], "ml": r["ml"][effort]["loaded"]}
        for r in done
        if r["ml"][effort]["loaded"] > r["oz"]["loaded"]
    ]
    return {
        "files": len(done),
        "geomean_files": geomean(ratio),
        "geomean_projects": geomean([p["total"] for p in per_project.values()]),
        "geomean_files_with_unwind": geomean([r["ml"][effort]["loaded"] / r["oz"]["loaded"] for r in done]),
        "total": total(done, "ml", "flash") / total(done, "oz", "flash"),
        "worst": max(ratio, default=1.0),
        "best": min(ratio, default=1.0),
        "larger_than_oz": larger,
        "cpu_ratio": total(done, "ml", "cpu") / total(done, "oz", "cpu"),
        "projects": per_project,
    }


@click.command()
@click.option("--target", "name", required=True, type=click.Choice(sorted(targets())))
@click.option("--effort", "efforts", multiple=True, type=click.IntRange(0, 3), default=(0, 1), show_default=True)
@click.option("--limit", type=int, help="Files per effort above 1, a seeded sample of the test files.")
@click.option("--files", type=int, help="Files in all, a seeded sample.")
@click.option("--split", default="test", show_default=True, type=click.Choice(["test", "validation"]))
@click.option("--policy", help="Policy folder instead of the shipped one.")
@click.option("--mlcc", default=str(Path(sys.executable).with_name("mlcc")), show_default=False)
@click.option("--jobs", "-j", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path))
def main(
    name: str,
    efforts: tuple[int, ...],
    limit: int | None,
    files: int | None,
    split: str,
    policy: str | None,
    mlcc: str,
    jobs: int,
    out: Path | None,
) -> None:
    """Measure, print a summary and write the results."""
    from mlcomp.training.train import sample

    target = targets()[name]
    modules = corpus.load(name, split)
    if files:
        modules = sample(modules, files, 0)
    searched = {m.sha256 for m in (sample(modules, limit, 0) if limit else modules)}

    def measure(module: ModuleRecord) -> dict[str, Any]:
        row: dict[str, Any] = {"project": module.project, "source": module.source, "ml": {}}
        try:
            row["oz"] = vars(build(target, module, ["clang-19"], ["-Oz"], scratch))
        except RuntimeError:  # clang itself cannot: the corpus has changed since it was indexed
            return {"skipped": f"{module.project}/{module.source}"}
        for effort in efforts:
            if effort > 1 and module.sha256 not in searched:
                continue
            level = ["-O=ml-size", f"--ml-effort={effort}"] + ([f"--ml-policy={policy}"] if policy else [])
            row["ml"][str(effort)] = vars(build(target, module, [mlcc], level, scratch))
        return row

    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool, Progress() as progress:
        scratch = Path(folder)
        task = progress.add_task(f"{name}, {len(modules)} files", total=len(modules))
        for row in pool.map(measure, modules):
            (skipped if "skipped" in row else rows).append(row)
            progress.advance(task)
    result = {
        "command": "benchmarks/size.py " + " ".join(sys.argv[1:]),
        "target": name,
        "split": split,
        "clang": subprocess.run(["clang-19", "--version"], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )[0],
        "skipped": [s["skipped"] for s in skipped],
        "efforts": {str(e): summarise(rows, str(e)) for e in efforts},
        "rows": [
            {"file": f"{r['project']}/{r['source']}", "oz": r["oz"]["flash"]}
            | {f"effort{e}": b["flash"] for e, b in r["ml"].items()}
            for r in rows
        ],
    }
    if out:
        out.write_text(json.dumps(result, indent=1) + "\n")
    for effort, s in result["efforts"].items():
        click.echo(
            f"{name} effort {effort}: {s['files']} files, geomean {s['geomean_files']:.4f}, by project "
            f"{s['geomean_projects']:.4f}, total {s['total']:.4f}, worst {s['worst']:.3f}, "
            f"larger {len(s['larger_than_oz'])}, CPU {s['cpu_ratio']:.2f}"
        )


if __name__ == "__main__":
    main()
