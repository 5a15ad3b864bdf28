"""`mlcomp estimator`: fit the Performance Estimator of a platform, evaluate it, predict with it."""

from __future__ import annotations

import functools
import json
import math
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from mlcomp.cli.output import json_option, print_json, print_table
from mlcomp.estimator import store
from mlcomp.estimator.design import COUNTS, DataError, Design, column_names, design
from mlcomp.estimator.fit import Estimator, Settings, evaluate_seen, save
from mlcomp.estimator.fit import evaluate as evaluate_fitted
from mlcomp.estimator.fit import fit as fit_all
from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.session import feature_names, machine_kinds
from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import find_platform

PROFILES = Path(__file__).parent.parent / "estimator" / "profiles"
ESTIMATORS = Path("build", "estimators")


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


def jobs_option(command: Any) -> Any:
    """The option that says how many metrics are worked on at once."""
    return click.option("--jobs", "-j", default=2, show_default=True, type=click.IntRange(1), help="Metrics at once.")(
        command
    )


def designs_of(platform: str, path: Path | None) -> dict[str, Design]:
    """The designs of a platform's rows in both settings."""
    rows = store.read(path or PROFILES / f"{platform}.parquet").to_pylist()
    mine = [row for row in rows if row["platform"] == platform]
    if not mine:
        raise DataError(f"the profile store has no rows of platform '{platform}'")
    return {setting: design(mine, setting, machine_kinds(), feature_names()) for setting in COUNTS}


def say(start: float, text: str) -> None:
    """A line of progress, with the seconds since `start`."""
    click.echo(f"[{time.monotonic() - start:6.1f} s] {text}", err=True)


def percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2%}"


@estimator.command()
@platform_option
@store_option
@click.option("--out", type=click.Path(path_type=Path), help="The estimator's folder; build/estimators/PLATFORM.")
@click.option(
    "--seconds", default=Settings.seconds, show_default=True, help="CPU time for each metric's choice of a model."
)
@click.option("--seed", default=0, show_default=True)
@jobs_option
@json_option
def fit(
    platform: str, path: Path | None, out: Path | None, seconds: float, seed: int, jobs: int, as_json: bool
) -> None:
    """Choose and fit models on training and validation programs, and say how they do on test programs."""
    folder = out or ESTIMATORS / platform
    report = functools.partial(say, time.monotonic())
    try:
        designs = designs_of(platform, path)
        settings = Settings(platform, seconds, seed, jobs)
        fitted = fit_all(designs, settings, report)
        save(fitted, designs, settings, folder)
        table = {"platform": platform, "unseen": evaluate_fitted(fitted, designs, jobs)}
        (folder / "evaluation.json").write_text(json.dumps(table, indent=1) + "\n")
    except (DataError, store.StoreError) as problem:
        raise click.ClickException(str(problem)) from problem
    show(table, as_json)
    click.echo(f"estimator: {folder}", err=True)


@estimator.command()
@platform_option
@store_option
@click.option(
    "--seconds", default=Settings.seconds, show_default=True, help="CPU time for each metric's choice of a model."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the figures to this file.")
@jobs_option
@json_option
def evaluate(
    platform: str, path: Path | None, seconds: float, seed: int, out: Path | None, jobs: int, as_json: bool
) -> None:
    """Fit again and give all figures: unseen programs in both settings, and seen programs with unseen builds."""
    try:
        designs = designs_of(platform, path)
        settings = Settings(platform, seconds, seed, jobs)
        begun = time.monotonic()
        report = functools.partial(say, begun)
        fitted = fit_all(designs, settings, report)
        table = {
            "command": f"mlcomp estimator evaluate --platform {platform} --seconds {seconds:g} --seed {seed}",
            "platform": platform,
            "seconds": time.monotonic() - begun,
            "rows": {s: len(d) for s, d in designs.items()},
            "unseen": evaluate_fitted(fitted, designs, jobs),
            "seen": evaluate_seen(designs, settings, report),
        }
    except (DataError, store.StoreError) as problem:
        raise click.ClickException(str(problem)) from problem
    if out:
        out.write_text(json.dumps(table, indent=1) + "\n")
    show(table, as_json)


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
                    f"{row['chosen']['kind']}, {row['chosen']['model']}",
                    percent(row["mean_error"]),
                    percent(row["regret_of_20"]),
                    f"{row['spearman']:.2f}",
                    percent(row["coverage"]),
                )
            )
    for metric, row in table.get("seen", {}).items():
        lines.append(
            (
                "seen programs, unseen builds",
                metric,
                f"{row['chosen']['kind']}, {row['chosen']['model']}",
                percent(row["mean_error"]),
                percent(row["regret_of_20"]),
                f"{row['spearman']:.2f}",
                "-",
            )
        )
    headings = ("setting", "metric", "model", "mean error", "regret of 20", "Spearman", "90 % intervals cover")
    return print_table(headings, lines)


@estimator.command()
@platform_option
@click.option("--estimator", "folder", type=click.Path(path_type=Path), help="Its folder; build/estimators/PLATFORM.")
@click.option("--build", "build_texts", multiple=True, help='Actions, as "default<O2> -disable-lsr". Repeatable.')
@click.option("--profile", "run_once", is_flag=True, help="Run the program once, with counters, on the platform.")
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

    What follows `--` goes to clang.
    """
    from mlcomp.cli.measure import split_arguments
    from mlcomp.training.candidates import LEVELS, Build
    from mlcomp.training.kernels import Kernel
    from mlcomp.training.programs import ProfileError, Program

    sources, flags = split_arguments(arguments)
    builds = {f"-{level}": Build(level) for level in LEVELS}
    for text in build_texts:
        words = text.split()
        builds[text] = Build(
            LEVELS[0], tuple(w for w in words if not w.startswith("-")), tuple(w for w in words if w.startswith("-"))
        )
    try:
        place = find_platform(platform)
        known = Estimator(folder or ESTIMATORS / platform)
        place.prepare(lambda text: click.echo(text, err=True))
        kernel = Kernel("program", "program", "", "", tuple(map(str, sources)), flags=flags, folder=Path("/"))
        program = Program(kernel, place)
        setting = "profiled" if run_once else "static"
        counts = program.profiled_counts if run_once else program.static_counts
        x = program.inputs(list(builds.values()), counts)
        anchors = program.anchors(counts) if run_once else {}
        columns = (*column_names(machine_kinds(), feature_names()), *anchors)
        x = np.column_stack([x, *(np.full(len(x), value) for value in anchors.values())])
        rows = []
        for metric in ("cycles", "energy", "instructions", "flash"):
            if (setting, metric) in known.keys:
                rows.append((metric, *known.predict(setting, metric, columns, x)))
    except (DataError, PlatformError, NativeError, ProfileError) as problem:
        raise click.ClickException(str(problem)) from problem
    table: list[dict[str, Any]] = [
        {
            "build": name,
            "metric": metric,
            "ratio": math.exp(predicted[i]),
            "low": math.exp(predicted[i] - half[i]),
            "high": math.exp(predicted[i] + half[i]),
            "outside": bool(outside[i]),
        }
        for metric, predicted, half, outside in rows
        for i, name in enumerate(builds)
    ]
    if as_json:
        return print_json(table)
    cells = [
        (
            r["build"],
            r["metric"],
            f"{r['ratio']:.3f}",
            f"{r['low']:.3f} - {r['high']:.3f}",
            "outside" if r["outside"] else "",
        )
        for r in table
    ]
    return print_table(("build", "metric", "against -O3", "90 % interval", ""), cells)
