"""`mlcomp network`: benchmark a platform with small networks, fit its models, estimate latencies of others."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlcomp.cli.output import (
    OutputFile,
    json_option,
    out_option,
    output_folder,
    print_json,
    print_table,
    timed_report,
    write_json,
)

if TYPE_CHECKING:
    from mlcomp.estimator.networks.stack import NetworkPlatform

RUNS = Path("build", "networks")
KINDS = ("auto", "roofline", "refined", "statistical", "mixed")
LONGEST_TABLE = 200


@click.group()
def network() -> None:
    """Latency of neural networks, layer by layer, before they are deployed."""


def platform_option(command: Any) -> Any:
    """The option that names a platform."""
    text = "A name; ort-cpu is this machine's ONNX Runtime, ibex-c a microcontroller that runs C."
    return click.option("--platform", required=True, help=text)(command)


def model_option(command: Any) -> Any:
    """The option that names a fitted platform."""
    return click.option(
        "--model",
        type=click.Path(path_type=Path),
        help="The fitted platform's folder; build/networks/PLATFORM, or what ships.",
    )(command)


def axis_option(command: Any) -> Any:
    """The option that fixes dynamic axes."""
    return click.option(
        "--axis", "axes", multiple=True, metavar="NAME=SIZE", help="Size of a dynamic axis. Repeatable."
    )(command)


def sizes(axes: tuple[str, ...]) -> dict[str, int]:
    """Sizes of axes by name."""
    found = {}
    for text in axes:
        name, _, size = text.partition("=")
        if not name or not size.isdigit() or int(size) < 1:
            raise click.BadParameter(f"'{text}' is not NAME=SIZE with a positive size", param_hint="--axis")
        found[name] = int(size)
    return found


def fitted_folder(platform: str, model: Path | None) -> Path:
    """The folder of a fitted platform: the given one, the one that `fit` makes, or the one that ships."""
    shipped = Path(__file__).parent.parent / "estimator" / "networks" / "fitted" / platform
    own = model or RUNS / platform
    return shipped if not model and not own.exists() and shipped.exists() else own


def open_fitted(platform: str, model: Path | None) -> NetworkPlatform:
    """A fitted platform; raises `NetworkError` if there is none, or one of another name."""
    from mlcomp.estimator.networks.graph import NetworkError
    from mlcomp.estimator.networks.stack import NetworkPlatform

    folder = fitted_folder(platform, model)
    fitted = NetworkPlatform(folder)
    if fitted.manifest["platform"] != platform:
        raise NetworkError(f"'{folder}' was fitted for platform {fitted.manifest['platform']}, not {platform}")
    return fitted


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.4g}"


@network.command()
@platform_option
@click.option("--minutes", default=40.0, show_default=True, help="Wall-clock time in all; earlier runs count.")
@click.option("--store", type=click.Path(path_type=Path), help="Where results go; build/networks/PLATFORM-bench.")
@click.option("--pack", "packed", type=OutputFile(), help="When all is measured, also write one file.")
@json_option
def bench(platform: str, minutes: float, store: Path | None, packed: Path | None, as_json: bool) -> None:
    """Measure layers and random networks on a platform; an interrupted run goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from mlcomp.estimator.networks.bench import run

    folder = store or RUNS / f"{platform}-bench"
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", total=1.0)
        run(
            platform, folder, 60 * minutes, lambda text, share: progress.update(task, description=text, completed=share)
        )
    from mlcomp.estimator.networks.store import pack, read

    rows = read(folder)
    if packed:
        pack(rows, packed)
    summary = {
        "platform": platform,
        "store": str(folder),
        "networks": len(rows),
        "layers": sum(len(row.mapping.executed) for row in rows),
        "minutes": round(sum(row.wall for row in rows) / 60, 1),
    }
    print_json(summary) if as_json else print_table(list(summary), [[*map(str, summary.values())]])


@network.command()
@platform_option
@click.option("--store", type=click.Path(path_type=Path), help="Results of bench; build/networks/PLATFORM-bench.")
@click.option(
    "--csv", "table", type=click.Path(path_type=Path), help="Imported measurements instead; docs/networks.md."
)
@model_option
@click.option("--seed", default=0, show_default=True)
@json_option
def fit(platform: str, store: Path | None, table: Path | None, model: Path | None, seed: int, as_json: bool) -> None:
    """Learn the mapping and fit layer models to measurements."""
    from mlcomp.estimator.networks.imported import read_csv
    from mlcomp.estimator.networks.stack import MANIFEST, save
    from mlcomp.estimator.networks.stack import fit as fit_all
    from mlcomp.estimator.networks.store import read

    folder = output_folder(model or RUNS / platform, MANIFEST)
    report = timed_report()
    rows = read_csv(table, platform) if table else read(store or RUNS / f"{platform}-bench")
    fitted = fit_all(platform, rows, seed, report)
    save(fitted, folder)
    lines = [
        {"type": name, "rows": layer.rows, "chosen": layer.chosen, **layer.errors}
        for name, layer in fitted.layers.items()
    ]
    if as_json:
        print_json({"platform": platform, "model": str(folder), "layers": lines})
    else:
        cells = [[f"{v:.1%}" if isinstance(v, float) else v for v in line.values()] for line in lines]
        print_table(("type of work", "rows", "chosen", "roofline", "refined", "statistical", "mixed"), cells)
    click.echo(f"fitted platform: {folder}", err=True)


@network.command()
@platform_option
@model_option
@axis_option
@click.option("--kind", type=click.Choice(KINDS), default="auto", show_default=True, help="Kind of layer models.")
@click.option("--plots", type=click.Path(path_type=Path), help="Folder for a bar chart and a roofline.")
@click.argument("path", metavar="NETWORK", type=click.Path(path_type=Path))
@json_option
def estimate(
    platform: str, model: Path | None, axes: tuple[str, ...], kind: str, plots: Path | None, path: Path, as_json: bool
) -> None:
    """Estimate how long an ONNX network takes, layer by layer."""
    from mlcomp.estimator.networks.graph import read_model

    fixed = sizes(axes)
    fitted = open_fitted(platform, model)
    _, described = read_model(path, fixed)
    found = fitted.estimate(described, kind)
    if plots:
        from mlcomp.estimator.networks.plots import bars, roofline

        bars(found, plots / f"{described.name}-layers.png")
        roofline(found, fitted, plots / f"{described.name}-roofline.png")
    unknown = Counter(row.type for row in found.rows if row.unknown)
    outside = sum(row.outside for row in found.rows)
    if as_json:
        return print_json(
            {
                "network": described.name,
                "platform": platform,
                "seconds": found.seconds,
                "low": found.low,
                "high": found.high,
                "clock": fitted.clock,
                "unknown": dict(unknown),
                "outside": outside,
                "layers": [
                    {
                        "kind": row.piece.kind,
                        "type": row.type,
                        "layers": [layer.name for layer in found.mapping.members(row.piece)],
                        "tensor": row.piece.tensor,
                        "seconds": row.seconds,
                        "width": row.width,
                        "unknown": row.unknown,
                        "outside": row.outside,
                    }
                    for row in found.rows
                ],
            }
        )
    cells = []
    for row in found.rows:
        names = [layer.name for layer in found.mapping.members(row.piece)] or [f"(before {row.piece.tensor})"]
        note = "unknown operator, by bytes" if row.unknown else "outside what was measured" if row.outside else ""
        cells.append(
            (
                row.piece.kind,
                " + ".join(names) if len(names) < 4 else f"{names[0]} + {len(names) - 1} more",
                milliseconds(row.seconds),
                f"{row.seconds / found.seconds:.1%}",
                f"±{100 * row.width:.0f} %",
                note,
            )
        )
    if constant := fitted.total.constant:
        cells.append(("(each run)", "", milliseconds(constant), f"{constant / found.seconds:.1%}", "", ""))
    print_table(("executed as", "layers", "ms", "share", "90 %", ""), cells[:LONGEST_TABLE])
    if len(cells) > LONGEST_TABLE:
        click.echo(f"… and {len(cells) - LONGEST_TABLE} more; --json has all")
    removed = len(described.layers) - len(found.mapping.place)
    click.echo(f"{len(described.layers)} layers, {len(found.rows)} pieces of work, {removed} layers removed")
    if unknown:
        listed = ", ".join(f"{name} ({count})" for name, count in unknown.items())
        click.echo(f"unknown operators, estimated by bytes: {listed}")
    click.echo(
        f"{described.name} on {platform}: {milliseconds(found.seconds)} ms "
        f"(90 %: {milliseconds(found.low)} to {milliseconds(found.high)} ms)"
    )
    if fitted.clock:
        low, middle, high = (f"{seconds * fitted.clock:,.0f}" for seconds in (found.low, found.seconds, found.high))
        click.echo(f"{middle} cycles ({low} to {high}); times are cycles at {fitted.clock / 1e6:.0f} MHz")
    return None


@network.command()
@platform_option
@model_option
@axis_option
@click.option("--seconds", default=2.0, show_default=True, help="CPU time to measure each network for.")
@out_option
@click.argument("paths", metavar="NETWORKS...", type=click.Path(path_type=Path), nargs=-1, required=True)
@json_option
def evaluate(
    platform: str,
    model: Path | None,
    axes: tuple[str, ...],
    seconds: float,
    out: Path | None,
    paths: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Measure networks, and compare with estimates of every kind."""
    from mlcomp.estimator.networks.evaluation import evaluate as evaluate_all
    from mlcomp.estimator.networks.evaluation import measure
    from mlcomp.estimator.networks.graph import read_model

    fixed = sizes(axes)
    fitted = open_fitted(platform, model)
    for path in paths:  # before measuring, which takes long
        read_model(path, fixed)
    measured = measure(platform, paths, fixed, seconds, lambda text: click.echo(text, err=True))
    table = evaluate_all(fitted, measured)
    table = {"command": " ".join(["mlcomp", *sys.argv[1:]]), **table}
    if out:
        write_json(out, table)
    if as_json:
        return print_json(table)
    cells = [
        [r["network"], milliseconds(r["measured"]), *(f"{r[k]['error']:+.1%}" for k in KINDS), f"{r['mapping']:.1%}"]
        for r in table["networks"]
    ]
    summary = table["summary"]
    mapped = f"{summary['mapping']:.2%}"
    cells.append(["mean absolute error", "", *(f"{summary[k]['mean_error']:.2%}" for k in KINDS), mapped])
    if len(paths) > 2:
        cells.append(["Spearman", "", *(f"{summary[k]['spearman']:.3f}" for k in KINDS), ""])
    return print_table(("network", "measured ms", *KINDS, "mapping"), cells)


@network.command()
@platform_option
@model_option
@click.option("--cells", "file", type=click.Path(path_type=Path), help="Cells as JSON; drawn at random unless given.")
@click.option("--count", default=50, show_default=True, help="How many random cells.")
@click.option("--seed", default=0, show_default=True)
@click.option("--top", default=10, show_default=True, help="How many are shown.")
@json_option
def search(
    platform: str, model: Path | None, file: Path | None, count: int, seed: int, top: int, as_json: bool
) -> None:
    """Rank NASBench-101 cells by estimated latency."""
    from mlcomp.estimator.networks import cells as nasbench
    from mlcomp.estimator.networks.graph import NetworkError, describe

    fitted = open_fitted(platform, model)
    if file:
        try:
            candidates = [nasbench.cell_from_json(value) for value in json.loads(file.read_text())]
        except ValueError as problem:
            raise NetworkError(f"'{file}' is not JSON: {problem}") from problem
    else:
        candidates = nasbench.random_cells(count, seed)
    rows = []
    for index, cell in enumerate(candidates):
        _, described = describe(nasbench.network(cell, f"cell-{index}"), f"cell-{index}")
        found = fitted.estimate(described)
        rows.append({"cell": index, "seconds": found.seconds, "low": found.low, "high": found.high, **cell.to_json()})
    rows.sort(key=lambda row: row["seconds"])
    if as_json:
        return print_json(rows)
    lines = [
        (
            row["cell"],
            milliseconds(row["seconds"]),
            f"{milliseconds(row['low'])} - {milliseconds(row['high'])}",
            " ".join(f"{i}>{j}" for i, line in enumerate(row["matrix"]) for j, edge in enumerate(line) if edge),
            " ".join(operation.removesuffix("-bn-relu") for operation in row["operations"]),
        )
        for row in rows[:top]
    ]
    return print_table(("cell", "ms", "90 %", "edges", "operations"), lines)
