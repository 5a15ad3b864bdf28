"""`mlcomp measure`: a program under several compilers: size, cycles, instructions, side by side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from mlcomp.cli.output import json_option, print_json
from mlcomp.platforms.measurement import Limits, Measurement, Metric, PlatformError
from mlcomp.platforms.platform import Platform, find_platform, platforms
from mlcomp.platforms.program import Source, compare, find_compiler

LEVELS = ("clang-19 -O2", "clang-19 -O3", "clang-19 -Os", "clang-19 -Oz")
SHOWN = ("cycles", "instructions", "energy", "cpu_time")  # of a platform's metrics, in the table


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--platform", "platform_names", multiple=True, help="Where to run; ibex unless given. Repeatable.")
@click.option("--compiler", "compilers", multiple=True, help='A compiler with its flags, as "mlcc -O=ml-size".')
@click.option("--baseline", is_flag=True, help="Also measure clang at -O2, -O3, -Os and -Oz, before the others.")
@click.option("--cycles", default=Limits.cycles, show_default=True, help="Where a run is ended.")
@click.option("--output-bytes", default=Limits.output, show_default=True, help="How much a program may print.")
@click.option("--jobs", "-j", default=2, show_default=True, type=click.IntRange(1), help="Builds and runs at a time.")
@click.option("--fresh", is_flag=True, help="Run again what has been measured before.")
@click.option("--list", "list_platforms", is_flag=True, help="List the platforms and what they count.")
@json_option
@click.argument("arguments", nargs=-1)
def measure(
    platform_names: tuple[str, ...],
    compilers: tuple[str, ...],
    baseline: bool,
    cycles: int,
    output_bytes: int,
    jobs: int,
    fresh: bool,
    list_platforms: bool,
    as_json: bool,
    arguments: tuple[str, ...],
) -> None:
    """Build SOURCES… with each compiler, run the programs, and compare.

    What follows `--` goes to every compiler, include paths for instance. Percentages are against the first compiler.
    Ends with 1 if a program could not be built, failed, or gave another result than the first.
    """
    if list_platforms:
        return print_platforms(as_json)
    sources, flags = split_arguments(arguments)
    names = [*(LEVELS if baseline or not compilers else ()), *(compilers or ["mlcc -O=ml-size"])]
    limits = Limits(cycles, output_bytes)
    report: dict[str, Any] = {}
    good = True
    try:
        commands = [find_compiler(_words(name)) for name in names]
        for platform_name in platform_names or ("ibex",):
            platform = find_platform(platform_name)
            platform.prepare(lambda text: click.echo(text, err=True))
            console = Console(stderr=True)
            with console.status(f"{platform.name}: {len(names)} programs"):
                results = compare(platform, commands, [Source(s, flags) for s in sources], limits, jobs, not fresh)
            good &= not any(r.problem for r in results)
            report[platform.name] = {
                "title": platform.title,
                "metrics": {m.name: m.to_json() for m in platform.metrics},
                "results": {name: r.to_json() for name, r in zip(names, results, strict=True)},
            }
            if not as_json:
                if not all(result.problem for result in results):
                    Console().print(table_of(platform, names, results))
                for name, result in zip(names, results, strict=True):
                    if result.problem:
                        click.secho(f"{name}: {result.problem}", fg="red")
    except PlatformError as problem:
        raise click.ClickException(str(problem)) from problem
    if as_json:
        print_json(report)
    if not good:
        raise click.exceptions.Exit(1)
    return None


def _words(compiler: str) -> list[str]:
    try:
        words = shlex.split(compiler)
    except ValueError as problem:
        raise click.UsageError(f"compiler '{compiler}': {problem}") from problem
    if not words:
        raise click.UsageError("a compiler is empty")
    return words


def split_arguments(arguments: tuple[str, ...]) -> tuple[list[Path], tuple[str, ...]]:
    """Sources, and the flags behind them: from the first word that is an option on."""
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    sources = [Path(word).absolute() for word in arguments[:first]]
    if not sources:
        raise click.UsageError("name at least one source file")
    for source in sources:
        if not source.is_file():
            raise click.UsageError(f"there is no file '{source}'")
    return sources, arguments[first:]


def print_platforms(as_json: bool) -> None:
    """The platforms, and which of their figures are measured and which modelled."""
    if as_json:
        return print_json(
            {
                p.name: {"title": p.title, "metrics": {m.name: m.to_json() for m in p.metrics}}
                for p in platforms().values()
            }
        )
    table = Table("platform", "what it is", "measured", "modelled")
    for p in platforms().values():
        table.add_row(p.name, p.title, *(_listed(p.metrics, source) for source in ("measured", "modelled")))
    return Console().print(table)


def _listed(metrics: tuple[Metric, ...], source: str) -> str:
    mine = [m for m in metrics if m.source == source]
    names = [_named(m) for m in mine if m.name in SHOWN]
    rest = len(mine) - len(names)
    return ", ".join(names) + (f" and {rest} other counts" if rest else "")


def _named(metric: Metric) -> str:
    return metric.name + (f" ({metric.unit}, ±{100 * metric.error:.1f} %)" if metric.error is not None else "")


def _heading(metric: Metric) -> str:
    if metric.source == "measured":
        return metric.name
    if metric.error is None:
        return f"{metric.name},\nmodelled"
    return f"{metric.name},\n{metric.unit}, modelled\n±{100 * metric.error:.1f} %"


def _cell(value: float, reference: float | None, unit: str) -> str:
    text = f"{value:,.6f} s" if unit == "s" else f"{value:,.0f}"
    if not reference:
        return text
    change = 100 * (value / reference - 1)
    colour = "green" if change < -0.05 else "red" if change > 0.05 else "default"
    return f"{text}\n[{colour}]{change:+.1f} %[/]"


def table_of(platform: Platform, names: list[str], results: list[Measurement]) -> Table:
    """One row a compiler; the region of interest where a program marks one, else all of main."""
    shown = [m for m in platform.metrics if m.name in SHOWN]
    has_region = any(r.region is not None for r in results)
    scope = "region of interest" if has_region else "main"
    table = Table(title=f"{platform.title}: {scope}", title_justify="left", box=box.SIMPLE)
    table.add_column("compiler", style="bold")
    for heading in ("flash", "RAM", *map(_heading, shown)):
        table.add_column(heading, justify="right", no_wrap=True)
    first = next((r for r in results if not r.problem), None)
    for name, r in zip(names, results, strict=True):
        reference = first if r is not first else None
        cells = []
        if not r.problem.startswith("cannot"):
            ram = r.size.data + r.size.bss
            cells += [_cell(r.size.flash, reference.size.flash if reference else None, "B"), f"{ram:,}"]
        else:
            cells += ["", ""]
        for metric in shown:
            counts = (r.region if has_region else r.main) or {}
            base = ((reference.region if has_region else reference.main) or {}) if reference else {}
            ok = metric.name in counts and not r.problem
            cells.append(_cell(counts[metric.name], base.get(metric.name), metric.unit) if ok else "")
        table.add_row(name, *cells)
    return table
