"""`mlcomp estimator`: fit the Performance Estimator of a platform, evaluate it, predict with it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from mlcomp.cli.output import json_option, out_option, output_folder, print_json, print_table, timed_report, write_json
from mlcomp.estimator import store
from mlcomp.estimator.design import COUNTS, TARGETS, DataError, Design, design
from mlcomp.estimator.fit import MANIFEST, Estimator, Settings, evaluate_choice, evaluate_seen, has_test_programs, save
from mlcomp.estimator.fit import evaluate as evaluate_fitted
from mlcomp.estimator.fit import fit as fit_all
from mlcomp.estimator.selection import label
from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.session import crossing_kinds, feature_names, machine_kinds
from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import find_platform, same_core

if TYPE_CHECKING:
    from mlcomp.training.candidates import Build
    from mlcomp.training.programs import Program

PROFILES = Path(__file__).parent.parent / "estimator" / "profiles"
ESTIMATORS = Path("build", "estimators")
FEW = 10  # projects: of less, none could be left out that nine in ten cover
NOTABLE = 0.01  # a change of the baseline's costs by probes


@click.group()
def estimator() -> None:
    """Predict time, energy, instructions and size of code without running it."""


def platform_option(command: Any) -> Any:
    """The option that names a platform."""
    return click.option("--platform", required=True, help="As in mlcomp measure --list.")(command)


def store_option(command: Any) -> Any:
    """The option that names a profile store."""
    return click.option(
        "--store", "path", type=click.Path(path_type=Path), help="Profile store; the shipped one unless given."
    )(command)


def is_number(context: click.Context, option: click.Parameter, value: float) -> float:
    """`value`, which must not be NaN."""
    if math.isnan(value):
        raise click.BadParameter("is no number", context, option)
    return value


def seconds_option(command: Any) -> Any:
    """The option that says how long models are tried."""
    return click.option(
        "--seconds",
        default=Settings.seconds,
        show_default=True,
        type=click.FloatRange(0, 1e6),
        callback=is_number,
        help="CPU time for each choice of a metric's model, by known costs; simple models and one of each kind "
        "are always compared. That, and the errors that fit ends with, take ten minutes of two cores.",
    )(command)


def jobs_option(command: Any) -> Any:
    """The option that says how many metrics are worked on at once."""
    return click.option("--jobs", "-j", default=2, show_default=True, type=click.IntRange(1), help="Metrics at once.")(
        command
    )


def designs_of(platform: str, path: Path | None) -> dict[str, Design]:
    """The designs of a platform's rows in both settings, or of the rows of one that has the same core."""
    if not path:
        find_platform(platform)
    names = same_core(platform)
    shipped = [PROFILES / f"{name}.parquet" for name in names if (PROFILES / f"{name}.parquet").exists()]
    if not path and not shipped:
        raise DataError(
            f"no profile store of platform '{platform}' ships; mlcomp profile --platform {platform} --pack FILE makes "
            "one for --store"
        )
    rows = store.read(path or shipped[0]).to_pylist()
    name = next((n for n in names if any(row["platform"] == n for row in rows)), None)
    if name is None:
        others = sorted({row["platform"] for row in rows})
        raise DataError(f"the profile store has no rows of platform '{platform}', but of {', '.join(others)}")
    if name != platform:
        click.echo(f"the profile is {name}'s, of the same core", err=True)
    mine = [row for row in rows if row["platform"] == name]
    return {setting: design(mine, setting, machine_kinds(), feature_names(), crossing_kinds()) for setting in COUNTS}


def percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2%}"


@estimator.command()
@platform_option
@store_option
@click.option("--out", type=click.Path(path_type=Path), help="The estimator's folder; build/estimators/PLATFORM.")
@seconds_option
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@jobs_option
@json_option
def fit(
    platform: str, path: Path | None, out: Path | None, seconds: float, seed: int, jobs: int, as_json: bool
) -> None:
    """Choose and fit models on training and validation programs, and say how they do on test programs."""
    report = timed_report()
    try:
        folder = output_folder(out or ESTIMATORS / platform, MANIFEST)
        designs = designs_of(platform, path)
        settings = Settings(platform, seconds, seed, jobs)
        fitted = fit_all(designs, settings, report)
        save(fitted, designs, settings, folder)
        unseen = {}
        if has_test_programs(designs):
            report(f"estimator: {folder}; predicting the test programs, also from fewer projects and by other models")
            unseen = evaluate_fitted(fitted, designs, jobs)
        chosen: list[dict[str, Any]] = [
            {
                "setting": one.setting,
                "metric": one.metric,
                "model": label(one.tried[0].candidate.kind, one.tried[0].candidate.name),
                "error": one.tried[0].error,
            }
            for one in fitted
        ]
        table = {"platform": platform, "chosen": chosen, "unseen": unseen}
        write_json(folder / "evaluation.json", table)
    except (DataError, PlatformError, store.StoreError) as problem:
        raise click.ClickException(str(problem)) from problem
    projects = {project for data in designs.values() for project in data.projects[data.splits != "test"]}
    if len(projects) < FEW:
        click.echo(f"fitted on {len(projects)} projects; intervals of 90 % need {FEW} to be trusted", err=True)
    if seconds < Settings.seconds:
        click.echo(f"fewer models were compared than by --seconds {Settings.seconds:g}; errors may be larger", err=True)
    if not unseen:
        click.echo("the profile store has no test programs; errors are those of cross-validation", err=True)
    if unseen or as_json:
        show(table, as_json)
    else:
        headings = ("counts", "metric", "model", "mean error")
        print_table(headings, [(c["setting"], c["metric"], c["model"], percent(c["error"])) for c in chosen])
    click.echo(f"estimator: {folder}", err=True)


@estimator.command()
@platform_option
@store_option
@seconds_option
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@out_option
@click.option(
    "--nested",
    is_flag=True,
    help="Instead evaluate the choice of models, without test programs: each fifth of the projects is predicted by a "
    "model that is chosen without it. Takes six times as long as a choice.",
)
@jobs_option
@json_option
def evaluate(
    platform: str,
    path: Path | None,
    seconds: float,
    seed: int,
    out: Path | None,
    nested: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Fit again and give all figures: unseen programs in both settings, and seen programs with unseen builds."""
    try:
        designs = designs_of(platform, path)
        settings = Settings(platform, seconds, seed, jobs)
        command = f"mlcomp estimator evaluate --platform {platform} --seconds {seconds:g} --seed {seed}"
        report = timed_report()
        if nested:
            table: dict[str, Any] = {
                "command": f"{command} --nested",
                "platform": platform,
                "choice": evaluate_choice(designs, settings, report),
            }
        else:
            if not has_test_programs(designs):
                raise DataError("the profile store has no test programs; --nested needs none")
            begun = time.monotonic()
            fitted = fit_all(designs, settings, report)
            table = {
                "command": command,
                "platform": platform,
                "seconds": time.monotonic() - begun,
                "rows": {s: len(d) for s, d in designs.items()},
                "unseen": evaluate_fitted(fitted, designs, jobs),
                "seen": evaluate_seen(designs, settings, report),
            }
    except (DataError, PlatformError, store.StoreError) as problem:
        raise click.ClickException(str(problem)) from problem
    if out:
        write_json(out, table)
    (show_choice if nested else show)(table, as_json)


def show(table: dict[str, Any], as_json: bool) -> None:
    """The figures on test programs, for people or machines."""
    if as_json:
        return print_json(table)
    lines = []
    for setting, metrics in table["unseen"].items():
        for metric, row in metrics.items():
            lines.append(
                (
                    f"unseen programs, {setting} counts",
                    metric,
                    label(row["chosen"]["kind"], row["chosen"]["model"]),
                    percent(row["mean_error"]),
                    percent(row["regret_of_20"]),
                    f"{row['spearman']:.2f}",
                    percent(row["coverage"]),
                    percent(row["left_out_coverage"]["mean"]),
                )
            )
    for metric, row in table.get("seen", {}).items():
        lines.append(
            (
                "seen programs, unseen builds",
                metric,
                label(row["chosen"]["kind"], row["chosen"]["model"]),
                percent(row["mean_error"]),
                percent(row["regret_of_20"]),
                f"{row['spearman']:.2f}",
                "-",
                "-",
            )
        )
    headings = (
        *("setting", "metric", "model", "mean error", "regret of 20", "Spearman"),
        *("in 90 % intervals", "any project left out"),
    )
    return print_table(headings, lines)


def show_choice(table: dict[str, Any], as_json: bool) -> None:
    """The figures of nested cross-validation, for people or machines."""
    if as_json:
        return print_json(table)
    headings = ("counts", "metric", "chosen model", "promised error", "mean error", "regret of 20", "Spearman")
    lines = [
        (
            setting,
            metric,
            label(row["chosen"]["kind"], row["chosen"]["model"]),
            percent(row["chosen"]["promised_error"]),
            percent(row["mean_error"]),
            percent(row["regret_of_20"]),
            f"{row['spearman']:.2f}",
        )
        for setting, metrics in table["choice"].items()
        for metric, row in metrics.items()
    ]
    return print_table(headings, lines)


@estimator.command()
@platform_option
@click.option("--estimator", "folder", type=click.Path(path_type=Path), help="Its folder; build/estimators/PLATFORM.")
@click.option("--build", "build_texts", multiple=True, help='Actions, as "default<O2> -disable-lsr". Repeatable.')
@click.option("--profile", "run_once", is_flag=True, help="Run it with counters, and its -O3 build, on the platform.")
@click.argument("arguments", nargs=-1)
@json_option
def predict(
    platform: str,
    folder: Path | None,
    build_texts: tuple[str, ...],
    run_once: bool,
    arguments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Predict what SOURCES… cost against clang -O3, built at other levels and with actions.

    Actions are passes and options as in a policy: "default<O3>" is the pipeline of -O3, after the front end's -O3.
    What follows `--` goes to clang.
    """
    from mlcomp.cli.measure import split_arguments
    from mlcomp.policy_export.export import ExportError, check_actions
    from mlcomp.training.candidates import LEVELS, Build
    from mlcomp.training.kernels import Kernel
    from mlcomp.training.programs import ProfileError, Program

    sources, flags = split_arguments(arguments)
    if level := next((flag for flag in flags if flag.startswith("-O")), None):
        raise click.UsageError(f"every build has a level of its own; leave {level} out")
    builds = {f"-{level}": Build(level) for level in LEVELS}
    for text in build_texts:
        if not text.split():
            raise click.UsageError("--build names no action")
        if all(word.startswith("-") for word in text.split()):
            raise click.UsageError(f"--build '{text}' has options alone; add what optimises, such as default<O3>")
        builds[text] = Build(LEVELS[0], tuple(text.split()))
    try:
        place = find_platform(platform)
        check_actions(place.target_name, [action for build in builds.values() for action in build.sequence])
        known = Estimator(folder or ESTIMATORS / platform)
        if known.manifest["platform"] not in same_core(platform):
            raise DataError(f"estimator '{known.folder}' is of platform '{known.manifest['platform']}'")
        place.prepare(lambda text: click.echo(text, err=True))
        kernel = Kernel("program", "program", "", "", tuple(map(str, sources)), flags=flags, folder=Path("/"))
        program = Program(kernel, place)
        rows = predicted_rows(program, known, builds, run_once)
        if program.link_problem:
            text = f"{program.link_problem}; without a whole program it is not known how its code will be aligned"
            click.echo(f"warning: {text}", err=True)
    except (DataError, ExportError, PlatformError, NativeError, ProfileError) as problem:
        raise click.ClickException(str(problem)) from problem
    units = {m.name: m.unit for m in place.metrics} | {"flash": "bytes"}
    for row in rows:
        row["unit"] = units[row["metric"]]
    for row in rows:
        if run_once and row["build"] == "-O3" and abs(row["probes"] - 1) > NOTABLE:
            click.echo(
                f"probes, with which builds are described, change {row['metric']} of -O3 by {row['probes'] - 1:+.1%}",
                err=True,
            )
    if as_json:
        return print_json(rows)
    headings = ["build", "metric", "against -O3", "90 % interval", *(["value"] if run_once else []), "inputs"]
    cells = [
        (
            r["build"],
            r["metric"],
            f"{r['ratio']:.3f}",
            f"{r['low']:.3f} - {r['high']:.3f}",
            *([f"{r['value']:,.0f} {r['unit']}"] if run_once else []),
            "far from what was fitted" if r["outside"] else "",
        )
        for r in rows
    ]
    return print_table(headings, cells)


def predicted_rows(
    program: Program, known: Estimator, builds: dict[str, Build], run_once: bool
) -> list[dict[str, Any]]:
    """What each build costs by each metric against the first one.

    With one run of that, the cost too, and against what it costs as clang alone compiles it, without `probes`: what
    they change it by is between a build's `low` and `high`, half of it in its `ratio`.
    """
    settings = {"static": program.inputs(list(builds.values()), program.static_counts)}
    anchors: dict[str, float] = {}
    if run_once:
        settings["profiled"] = program.inputs(list(builds.values()), program.profiled_counts)
        anchors = program.anchors(program.profiled_counts)
    rows: list[dict[str, Any]] = []
    for metric in TARGETS:
        setting = "profiled" if run_once and metric != "flash" else "static"
        if (setting, metric) not in known.keys:
            continue
        x = settings[setting]
        extra = anchors if setting == "profiled" else {}
        table = np.column_stack([x, *(np.full(len(x), value) for value in extra.values())])
        predicted, half, outside = known.predict(setting, metric, (*program.columns, *extra), table)
        same = (x == x[0]).all(1)  # as the first build
        predicted, half = np.where(same, 0.0, predicted), np.where(same, 0.0, half)
        cost = program.baseline_costs(False)[metric] if run_once else None
        # Flash is known without probes. They may change a build as they change the first one, or not at all.
        probes = program.baseline_costs(True)[metric] / cost if cost and metric != "flash" else 1.0
        effects = np.log(np.where(same, 1.0, probes))
        columns = (builds, predicted, half, effects, outside)
        for name, middle, width, effect, far in zip(*columns, strict=True):
            ratios = {
                "ratio": math.exp(middle + effect / 2),
                "low": math.exp(middle - width + min(effect, 0.0)),
                "high": math.exp(middle + width + max(effect, 0.0)),
            }
            value = {"value": ratios["ratio"] * cost, "probes": probes} if cost else {}
            rows.append({"build": name, "metric": metric, **ratios, **value, "outside": bool(far)})
    return rows
