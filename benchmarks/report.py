"""Makes docs/results.md from benchmarks/results/*.json.

python benchmarks/report.py > docs/results.md
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlcomp.estimator.selection import label
from mlcomp.training.candidates import OBJECTIVES

RESULTS = Path(__file__).parent / "results"
TARGETS = {
    "riscv32": {"0": 0.98, "1": 0.945, "3": 0.925},
    "thumb": {"0": 0.99, "1": 0.96, "3": 0.945},
    "x86_64": {"0": 0.99, "1": 0.96, "3": 0.945},
}
CPU = {"0": 1.2, "1": 2.5}
NETWORK_KINDS = ("auto", "roofline", "refined", "statistical", "mixed", "true mapping")


def verdict(value: float, limit: float | None, form: str = "g") -> str:
    """A limit beside its figure, in the form of that, and whether it is met."""
    if limit is None:
        return "-"
    return f"{limit:{form}} {'met' if value <= limit else 'not met'}"


def noted(result: dict[str, Any]) -> list[str]:
    """What must be known beside the figures, if anything."""
    return ["", result["note"]] if "note" in result else []


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


SPEEDS = {"ibex": 4.0, "cv32e40p": 2.5}
MINUTES = {"ibex": 30.0, "ibex-fast": 3.0}
# Mean relative error on programs that were not seen: static counts, and with one run of the baseline.
ESTIMATES = {"cycles": 0.04, "energy": 0.04, "instructions": 0.03, "flash": 0.01}


def platform_section(result: dict[str, Any]) -> list[str]:
    """What platforms can be trusted with."""
    sums, twice, fast = result["checksums"], result["run_twice"], result["fast_ibex_against_rtl"]
    good = sums["kernels"] - len(sums["different"])
    lines = [
        "## Platforms",
        "",
        f"`{result['command']}`: {sums['kernels']} kernels at {', '.join(result['levels'])} on "
        f"{', '.join(result['platforms'])}.",
        "",
        f"- The same checksum everywhere: {good} of {sums['kernels']} kernels.",
        f"- Counts identical in two runs: {twice['identical']} of {twice['programs']} programs.",
    ]
    if fast["programs"]:
        lines.append(
            f"- Cycles of `ibex-fast` against the RTL, {fast['programs']} programs: mean error {fast['mean']:.3%}, "
            f"worst {fast['worst']:.3%} ({fast['worst_program']})."
        )
    lines += [f"\n`{bad['kernel']}` differs: {bad['outputs']} {bad['problems']}" for bad in sums["different"]]
    return [*lines, ""]


def profiling_section(result: dict[str, Any], speeds: dict[str, Any]) -> list[str]:
    """How fast simulators are, and what profiling takes."""
    lines = [
        f"Speed: `{speeds['command']}`, {', '.join(speeds['programs'])} at {speeds['level']},",
        f"CPU time with start-up, the best of {speeds['best_of']} runs. Profiling: `{result['command']}`,",
        f"{result['programs']} programs, a seeded sample of builds of {result['kernels']} kernels, each run once on a",
        "busy machine; 80 kernels under 100 builds on two cores, as if no two builds were equal, without compiling.",
        "",
        "| platform | million cycles per CPU second | wanted | on the sample | minutes of profiling | wanted |",
        "|---|---|---|---|---|---|",
    ]
    for name, speed in speeds["million_cycles_per_cpu_second"].items():
        wanted = SPEEDS.get(name)
        met = "-" if wanted is None else f"{wanted:g} {'met' if speed >= wanted else 'not met'}"
        cells = "- | - | -"
        if row := result["platforms"].get(name):
            minutes = row["minutes_of_profiling"]
            cells = (
                f"{row['million_cycles_per_cpu_second']:.2f} | {minutes:.1f} | {verdict(minutes, MINUTES.get(name))}"
            )
        lines.append(f"| {name} | {speed:.2f} | {met} | {cells} |")
    return [*lines, ""]


def energy_section(result: dict[str, Any]) -> list[str]:
    """How good the models of energy are."""
    checked = result["check"]
    lines = [
        f"## Energy of {result['core']}",
        "",
        f"`{result['command']}`: gate level with {result['netlist']['cells']:,} cells, calibrated on",
        f"{result['programs']['train']['programs']} programs of train projects; the core takes "
        f"{result['core_pJ_per_cycle']['mean']:.0f} pJ a cycle on average. Toggles of "
        f"{sum(c['nets_that_differ'] == 0 for c in checked)} of {len(checked)} programs are equal, net by net,",
        "to those of an independent simulator.",
        "",
        "| model | mean error, program left out | worst | mean error, test programs | worst |",
        "|---|---|---|---|---|",
    ]
    models = {name: model["error"] for name, model in result["models"].items()}
    for name, error in (models | {f"for comparison: {n}": e for n, e in result["baselines"].items()}).items():
        lines.append(
            f"| {name} | {error['left_out_mean']:.2%} | {error['left_out_max']:.2%} | {error['test_mean']:.2%} "
            f"| {error['test_max']:.2%} |"
        )
    return [*lines, ""]


def estimator_section(result: dict[str, Any]) -> list[str]:
    """Errors of a platform's estimator on test programs."""
    lines = [
        f"## Estimator of {result['platform']}",
        "",
        f"`{result['command']}`. Test programs, whose projects were in no fit and no choice; ratios to the -O3 build.",
        *noted(result),
        "",
        "| setting | metric | model | mean error | wanted | median | regret of 20 | Spearman | 90 % intervals cover "
        "| any project left out |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    deviations = [
        row["left_out_coverage"]["deviation"] for metrics in result["unseen"].values() for row in metrics.values()
    ]
    for setting, metrics in result["unseen"].items():
        for metric, row in metrics.items():
            lines.append(
                f"| unseen, {setting} counts | {metric} | {label(row['chosen']['kind'], row['chosen']['model'])} "
                f"| {row['mean_error']:.2%} | {verdict(row['mean_error'], ESTIMATES[metric], '.0%')} "
                f"| {row['median_error']:.2%} | {row['regret_of_20']:.2%} | {row['spearman']:.2f} "
                f"| {row['coverage']:.1%} | {row['left_out_coverage']['mean']:.1%} |"
            )
    for metric, row in result.get("seen", {}).items():
        lines.append(
            f"| seen, builds unseen | {metric} | {label(row['chosen']['kind'], row['chosen']['model'])} "
            f"| {row['mean_error']:.2%} | {verdict(row['mean_error'], 0.02, '.0%')} | {row['median_error']:.2%} "
            f"| {row['regret_of_20']:.2%} | {row['spearman']:.2f} | - | - |"
        )
    lines += [
        "",
        "The last column is for all projects of the store, also those of test programs, each with intervals of the",
        "others. Rows of a program are alike: for samples of as many projects as are tested, the standard deviation of",
        f"coverage is {min(deviations):.1%} to {max(deviations):.1%}, so one sample says little about 3 %.",
        "",
        f"{result['rows']['static']} rows with those of test programs. Choosing and fitting for all metrics and both",
        f"settings took {result['seconds'] / 60:.1f} minutes (wanted {verdict(result['seconds'] / 60, 10)}).",
        "",
        "Mean error of the best model of each kind; of seen programs in cross-validation over builds of training and",
        "validation programs, which chooses the kind. MLComp reports less than 2 % for programs it has seen.",
        "",
    ]
    kinds = ["mean", "linear", "roofline", "refined", "statistical", "mixed", "voting"]
    lines += ["| setting | metric | " + " | ".join(kinds) + " |", "|---|---|" + "---|" * len(kinds)]
    tables = {
        f"unseen, {setting} counts": {
            metric: {kind: figures["mean_error"] for kind, figures in row["kinds"].items()}
            for metric, row in metrics.items()
        }
        for setting, metrics in result["unseen"].items()
    }
    tables["seen"] = {m: row["kinds_in_choice"] for m, row in result["seen"].items() if "kinds_in_choice" in row}
    for setting, metrics in tables.items():
        for metric, errors in metrics.items():
            cells = [f"{errors[k]:.2%}" if k in errors else "-" for k in kinds]
            lines.append(f"| {setting} | {metric} | " + " | ".join(cells) + " |")
    plot = Path("plots", f"estimator-{result['platform']}.png")
    if (RESULTS.parents[1] / "docs" / plot).exists():
        lines += ["", f"![Predicted against measured, and learning curves, of {result['platform']}]({plot})"]
    return [*lines, ""]


def choice_section(result: dict[str, Any]) -> list[str]:
    """What a choice of models promises, and what it keeps."""
    rows = {(s, m): row for s, metrics in result["choice"].items() for m, row in metrics.items()}
    lines = [
        f"## Choice of {result['platform']}'s models",
        "",
        f"`{result['command']}`. Nested cross-validation: each fifth of the projects of training and validation, with",
        f"{max(row['programs'] for row in rows.values())} programs, is predicted by models that are chosen without it.",
        "*Promised* is the error in the cross-validation that chose the model which is fitted.",
        "",
        "| counts | metric | chosen | promised | mean error | regret of 20 | Spearman | chosen for the fifths |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (setting, metric), row in rows.items():
        folds = Counter(label(fold["kind"], fold["model"]) for fold in row["folds"])
        lines.append(
            f"| {setting} | {metric} | {label(row['chosen']['kind'], row['chosen']['model'])} "
            f"| {row['chosen']['promised_error']:.2%} | {row['mean_error']:.2%} | {row['regret_of_20']:.2%} "
            f"| {row['spearman']:.2f} | {'; '.join(f'{count} {name}' for name, count in folds.most_common())} |"
        )
    return [*lines, ""]


def prediction_section(result: dict[str, Any]) -> list[str]:
    """What a prediction costs."""
    slowest = max(result["native_microseconds"].values())
    return [
        "## Time of a prediction",
        "",
        f"`{result['command']}`: at most {slowest:.1f} µs in the native evaluator (wanted {verdict(slowest, 50)}),",
        f"interval included; running a test kernel on the RTL takes {result['rtl_seconds']:.2f} s, "
        f"{result['times_faster']:,} times as long (wanted 10,000).",
        "",
    ]


def networks_section(result: dict[str, Any]) -> list[str]:
    """Latency of networks: a table for each set of networks, and the four kinds of models side by side."""
    bench, mapping = result["bench"], result["mapping"]
    clock = result.get("clock")
    times = f"Cycles, as times at {clock / 1e6:.0f} MHz" if clock else "CPU time of one thread"
    lines = [
        f"## Networks on {result['platform']}",
        "",
        f"`{result['command']}`, after `{result['bench']['command']}` ({bench['networks']} networks, {bench['pieces']} "
        f"pieces of work, {bench['minutes']:.0f} minutes) and `{result['fit']['command']}`. {times}, "
        f"estimated / measured - 1. {result['note']}",
        "",
        f"| networks | {' | '.join(NETWORK_KINDS)} | Spearman | in 90 % intervals | mapping | longest estimate, s |",
        "|---|" + "---|" * (len(NETWORK_KINDS) + 4),
    ]
    for name, part in result["sets"].items():
        s = part["summary"]
        errors = " | ".join(f"{s[kind]['mean_error']:.2%}" for kind in NETWORK_KINDS)
        lines.append(
            f"| {s['networks']} {name} | {errors} | {s['auto']['spearman']:.3f} | {s['covered']:.0%} "
            f"| {s['mapping']:.2%} | {s['longest_estimate_seconds']:.2f} |"
        )
    published = result["published"]
    figures = " and ".join(f"{value:.2%}" for value in published["networks"].values())
    lines += [
        "",
        "Mean absolute errors. *true mapping* is auto with what is really executed. ANNETTE reports "
        f"{figures} on 12 networks on its two platforms with mixed models, and Spearman {published['spearman']} on "
        f"34 NASBench networks. Decisions of the mapping that are right, in all: {mapping['right']} of "
        f"{mapping['decisions']}, {mapping['share']:.2%}.",
        "",
        "| network | layers | measured, ms | " + " | ".join(NETWORK_KINDS) + " | mapping |",
        "|---|---|---|" + "---|" * (len(NETWORK_KINDS) + 1),
    ]
    for part in result["sets"].values():
        for row in part["networks"]:
            errors = " | ".join(f"{row[kind]['error']:+.1%}" for kind in NETWORK_KINDS)
            measured = f"{row['measured'] * 1e3:.2f}"
            lines.append(f"| {row['network']} | {row['layers']} | {measured} | {errors} | {row['mapping']:.1%} |")
    lines += [
        "",
        "Layer models, mean relative errors in cross-validation that leaves out networks of the benchmark:",
        "",
        "| type of work | rows | roofline | refined | statistical | mixed | chosen |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, layer in result["fit"]["layers"].items():
        errors = " | ".join(f"{layer['errors'][k]:.1%}" for k in NETWORK_KINDS[1:5])
        lines.append(f"| {name} | {layer['rows']} | {errors} | {layer['chosen']} |")
    return [*lines, ""]


def balanced_cost(costs: Sequence[float], baseline: Sequence[float]) -> float:
    """What -O=ml minimises, of cycles, energy and flash: the weighted mean of logarithms against the baseline."""
    weights = OBJECTIVES["balanced"]
    ratios = dict(zip(("cycles", "energy", "flash"), np.log(costs[:3]) - np.log(baseline[:3]), strict=True))
    return float(np.average([ratios[metric] for metric in weights], weights=list(weights.values())))


def objectives_section(result: dict[str, Any]) -> list[str]:
    """What the policies for other objectives than size bring."""
    objectives = dict.fromkeys(c.split(",")[0] for c in result["compilers"] if not c.startswith("-"))
    lines = [
        f"## Policies for other objectives: {', '.join(objectives)}",
        "",
        f"`{result['command']}`: {result['programs']} {result['split']} kernels on `{result['platform']}`, whose",
        "projects were in no search, fit or choice. Geometric means against clang -O3; energy also against the best of",
        "-O2, -O3 and -Os for each kernel. Worse: the share of kernels that are more than 1 % worse than that.",
        *noted(result),
        "",
        "| compiler | cycles | worse | energy | worse | energy against best level | worse | flash | balanced | worse "
        "| wrong output |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for compiler, table in result["compilers"].items():
        cycles, energy = table["cycles"], table["energy"]
        balanced = np.array([balanced_cost(row[compiler], row["-O3"]) for row in result["kernels"].values()])
        lines.append(
            f"| {compiler} | {cycles['geomean']:.4f} | {cycles['worse_than_1_percent']:.1%} | {energy['geomean']:.4f} "
            f"| {energy['worse_than_1_percent']:.1%} | {energy['against_best_level']:.4f} "
            f"| {energy['worse_than_best_level']:.1%} | {table['flash']['geomean']:.3f} "
            f"| {np.exp(balanced.mean()):.4f} | {(balanced > np.log(1.01)).mean():.1%} | {len(table['wrong'])} |"
        )
    wanted = (
        "Wanted: time 0.95 of -O3 for `time`, energy 0.96 of the best level for `energy`, at most 5 % worse than -O3. "
        "Balanced: half cycles, a quarter each energy and flash, as logarithms."
    )
    lines += ["", wanted, "", "Cycles of each kernel against -O3:", ""]
    shown = [c for c in result["compilers"] if c not in ("-O3", "-Oz") and not c.endswith(("effort 0", "effort 2"))]
    lines += ["| kernel | " + " | ".join(shown) + " |", "|---|" + "---|" * len(shown)]
    for kernel, row in result["kernels"].items():
        lines.append(f"| {kernel} | " + " | ".join(f"{row[c][0] / row['-O3'][0]:.3f}" for c in shown) + " |")
    return [*lines, ""]


PACKAGE_CPU = {"size-effort-0": 1.1, "size-effort-1": 2.0, "time-effort-0": 1.1, "time-effort-1": 2.0}
FUZZ_RUNS = 20_000


def table_section(title: str, text: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A section with a table under a paragraph."""
    lines = [headings, ["---"] * len(headings), *rows]
    return [f"## {title}", "", text, "", *(f"| {' | '.join(cells)} |" for cells in lines), ""]


def crossing_section(result: dict[str, Any]) -> list[str]:
    """What layout matters on cores that fetch words."""
    told = result["told"]
    text = (
        f"`{result['command']}`, {told['builds']} builds of the programs to train and validate on. Jumps to "
        f"instructions that lie in two words are {told['median_share_of_cycles']:.1%} of a build's cycles in the "
        f"median, at most {told['largest_share_of_cycles']:.0%}. Told by the linked program and a profile of its "
        f"source, without the libraries' own, they are off by {told['mean_error_of_own_code']:.2%} of cycles on "
        f"average, {told['median_error_of_own_code']:.2%} in the median. Cycles as a linear model of what was counted, "
        "projects left out:"
    )
    figures = ("error", "Spearman", "regret of 20")
    headings = ["core", *(f"{way} crossings: {name}" for way in ("without", "with") for name in figures)]
    rows = [
        [core, *(cell for way in ("without", "with") for cell in model_cells(ways[way]))]
        for core, ways in result["cores"].items()
    ]
    return table_section("Layout of code", text, headings, rows)


def model_cells(figures: dict[str, float]) -> list[str]:
    return [f"{figures['mean_error']:.2%}", f"{figures['spearman']:.3f}", f"{figures['regret_of_20']:.2%}"]


def interval_section(result: dict[str, Any]) -> list[str]:
    """What intervals' widths follow."""
    text = (
        f"`{result['command']}`: ibex-fast, programs to train and validate on, projects left out. Widths are all "
        "alike, or follow errors as all inputs tell them, or as a few amounts of change do. The interval score is the "
        "width, and 20 times what errors go beyond."
    )
    names = ("all alike", "all inputs", "amounts")
    headings = ["", *(f"{name}: {figure}" for name in names for figure in ("half width", "score", "covered"))]
    rows = []
    for metric, ways in result["difficulties"].items():
        cells = [
            cell
            for way in ways.values()
            for cell in (f"{way['mean_half_width']:.3f}", f"{way['interval_score']:.3f}", f"{way['coverage']:.1%}")
        ]
        rows.append([metric, *cells])
    return table_section("Widths of intervals", text, headings, rows)


def probes_section(result: dict[str, Any]) -> list[str]:
    """What probes change."""
    errors = ", ".join(f"{name} {error:.1%}" for name, error in result["mean_error"].items())
    return [
        "## Probes",
        "",
        f"`{result['command']}`: {result['programs']} programs to train and validate on, {result['platform']}. Probes",
        f"change cycles of -O3 by {result['mean_change']:.1%} on average, at most {result['largest_change']:.1%}; in",
        f"{result['changed']} programs by 0.4 % or more. For these, {result['builds']} other builds each: mean error",
        f"of the ratio to -O3 if probes are taken to change -O3 alone, or the build alike, or the middle: {errors}.",
        "",
    ]


def fuzz_section(result: dict[str, Any]) -> list[str]:
    """How many ways of compiling have been compared with -O0."""
    lines = [
        "## Differential fuzzing",
        "",
        f"`{result['command']}`: {result['programs']} programs (csmith's, and mutants of kernels) without undefined "
        f"behaviour, each compiled in many ways, run, and compared with -O0.",
        "",
        f"- Programs x ways: **{result['configurations']}** (wanted: {FUZZ_RUNS} in all), "
        f"{result['runs_of_different_objects']} runs of different object files; "
        f"different results: **{result['different']}**, failures: **{result['failed']}**.",
        "- Every way but mlcc's own verifies the module after each action, on every fourth program after each pass.",
        "",
        "| target | all | policies' sequences | their option sets | edits of them | single actions | mixtures "
        "| levels | mlcc commands |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for target, counts in result["by_target"].items():
        kinds = ("total", "sequence", "options", "edit", "action", "mixture", "level", "command")
        lines.append(f"| {target} | " + " | ".join(str(counts.get(kind, 0)) for kind in kinds) + " |")
    least = [f"{kind} {next(iter(c.items()))[1]} times" for kind, c in result["least_tried"].items()]
    return [*lines, "", f"Least tried: {', '.join(least)}.", ""]


def package_section(result: dict[str, Any]) -> list[str]:
    """Real packages with mlcc in clang's place."""
    builds = [b for b in result["builds"] if b != "clang"]
    lines = [
        "## Packages",
        "",
        f"`{result['command']}`. Bytes of text and data, and CPU of the whole build, relative to clang with the "
        "package's own flags; `oz` is clang at -Oz.",
        "",
        "| package | " + " | ".join(f"{b}: bytes | CPU" for b in builds) + " | own tests as with clang |",
        "|---|" + "---|---|" * len(builds) + "---|",
    ]
    cpu: dict[str, list[float]] = {b: [] for b in builds}
    for entry in result["packages"].values():
        rows = entry.get("against_clang", {})
        if not rows:
            continue
        cells = []
        for build in builds:
            row = rows.get(build, {})
            if "failed" in row:
                cells.append("FAILED | -")
            else:
                cells.append(f"{row['bytes']:.3f} | {row['cpu']:.2f}" if row else "- | -")
            if "cpu" in row:
                cpu[build].append(row["cpu"])
        same = [row["same_passes"] for row in rows.values() if "same_passes" in row]
        verdict = "none"
        if same:
            results = sum(entry["builds"]["clang"]["tests"]["results"].values())
            verdict = f"yes, {results} results" if all(same) else "NO"
        lines.append(f"| {entry['title']} | {' | '.join(cells)} | {verdict} |")
    lines.append("")
    for build, limit in PACKAGE_CPU.items():
        if values := cpu[build]:
            within = sum(v <= limit for v in values)
            lines.append(f"- CPU of {build}: {within} of {len(values)} within {limit}, worst {max(values):.2f}.")
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
    path = RESULTS / "platforms.json"
    if path.exists():
        lines += platform_section(json.loads(path.read_text()))
    path, speeds = RESULTS / "profiling.json", RESULTS / "simulation-speed.json"
    if path.exists() and speeds.exists():
        lines += profiling_section(json.loads(path.read_text()), json.loads(speeds.read_text()))
    for path in sorted(RESULTS.glob("energy-*.json")):
        lines += energy_section(json.loads(path.read_text()))
    for path in sorted(RESULTS.glob("objectives*.json")):
        lines += objectives_section(json.loads(path.read_text()))
    for path in sorted(RESULTS.glob("estimator-*.json")):
        lines += estimator_section(json.loads(path.read_text()))
    for path in sorted(RESULTS.glob("networks-*.json")):
        lines += networks_section(json.loads(path.read_text()))
    for name, section in (
        ("choice", choice_section),
        ("prediction-speed", prediction_section),
        ("crossings", crossing_section),
        ("intervals", interval_section),
        ("probes", probes_section),
        ("fuzz", fuzz_section),
        ("packages", package_section),
    ):
        for path in sorted(RESULTS.glob(f"{name}*.json")):
            lines += section(json.loads(path.read_text()))
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
