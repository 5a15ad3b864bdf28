"""Makes docs/results.md from benchmarks/results/*.json.

python benchmarks/report.py > docs/results.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
TARGETS = {
    "riscv32": {"0": 0.98, "1": 0.945, "3": 0.925},
    "thumb": {"0": 0.99, "1": 0.96, "3": 0.945},
    "x86_64": {"0": 0.99, "1": 0.96, "3": 0.945},
}
CPU = {"0": 1.2, "1": 2.5}


def verdict(value: float, limit: float | None) -> str:
    """A limit beside its figure, and whether it is met."""
    if limit is None:
        return "-"
    return f"{limit:g} {'met' if value <= limit else 'not met'}"


def size_section(result: dict[str, Any]) -> list[str]:
    """The tables of one target."""
    name = result["target"]
    lines = [
        f"## {name}",
        "",
        f"`{result['command']}`, {result['clang']}.",
        "",
        "| effort | files | geomean over files | wanted | by project | total | with unwind tables | best | worst "
        "| larger than -Oz | CPU against clang -Oz | wanted |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for effort, s in result["efforts"].items():
        lines.append(
            f"| {effort} | {s['files']} | **{s['geomean_files']:.4f}** "
            f"| {verdict(s['geomean_files'], TARGETS[name].get(effort))} | {s['geomean_projects']:.4f} "
            f"| {s['total']:.4f} | {s['geomean_files_with_unwind']:.4f} | {s['best']:.3f} | {s['worst']:.3f} "
            f"| {len(s['larger_than_oz'])} | {s['cpu_ratio']:.2f} | {verdict(s['cpu_ratio'], CPU.get(effort))} |"
        )
    efforts = list(result["efforts"])
    lines += ["", "Geomean over a project's files, and its worst file:", ""]
    lines.append("| project | files | " + " | ".join(f"effort {e} | worst" for e in efforts) + " |")
    lines.append("|---|---|" + "---|---|" * len(efforts))
    first = result["efforts"][efforts[0]]["projects"]
    for project, figures in first.items():
        cells = []
        for effort in efforts:
            row = result["efforts"][effort]["projects"].get(project)
            cells.append(f"{row['geomean']:.3f} | {row['worst']:.3f}" if row else "- | -")
        lines.append(f"| {project} | {figures['files']} | " + " | ".join(cells) + " |")
    for effort in efforts:
        for file in result["efforts"][effort]["larger_than_oz"][:10] if effort != "0" else []:
            lines.append(f"\nLarger at effort {effort}: `{file['file']}`, {file['oz']} to {file['ml']} bytes.")
    return [*lines, ""]


def main() -> None:
    """Print the page."""
    lines = [
        "# Results",
        "",
        "Made from `benchmarks/results/*.json` by `benchmarks/report.py`; `make bench` measures them again. Files of",
        "the corpus's test projects, which are used for nothing else (a seeded sample where the command says so),",
        "compiled from source, each object linked on its own: `.text` + `.rodata` + `.data`, against clang -Oz of the",
        "same version and flags.",
        "",
    ]
    for target in TARGETS:
        path = RESULTS / f"size-{target}.json"
        if path.exists():
            lines += size_section(json.loads(path.read_text()))
    path = RESULTS / "speed.json"
    if path.exists():
        speed = json.loads(path.read_text())
        lines += ["## Costs of our own parts", "", f"`{speed['command']}`, CPU time, medians.", ""]
        for part in ("launcher", "plugin"):
            lines += [f"| {part} | ms | more than the first, ms |", "|---|---|---|"]
            lines += [f"| {n} | {v['median_ms']} | {v['over_first_ms']} |" for n, v in speed[part].items()]
            lines.append("")
        lines.append(
            f"Session, pass and features, modules of about 600 instructions: "
            f"{speed['session']['steps_per_cpu_second']} steps per CPU second."
        )
        repeated = speed["repeated"]
        lines.append(f"Same input twice: {repeated['identical']} of {repeated['files']} objects identical.")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
