"""`mlcomp corpus`: fetch the training corpus, build it, and show what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mlcomp.training.corpus import ModuleRecord


@contextmanager
def progress(title: str, total: int, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A progress bar that moves on with every call; none where `quiet`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task(title, total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)


def fail(problems: list[str]) -> None:
    """Write one line per problem and end with an error, if there are any."""
    for problem in problems:
        click.echo(f"mlcomp: error: {problem}", err=True)
    if problems:
        raise SystemExit(1)


class Group(click.Group):
    """A group whose commands report a CorpusError as one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            from mlcomp.training.corpus import CorpusError
        except ModuleNotFoundError as error:
            fail([f"the corpus needs {error.name}; install mlcomp-compiler[training]"])
        try:
            return super().invoke(ctx)
        except CorpusError as error:
            fail([str(error)])
        return None


@click.group(cls=Group)
def corpus() -> None:
    """The training corpus: embedded C from Debian source packages."""


@corpus.command()
@click.argument("packages", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def fetch(packages: tuple[str, ...], as_json: bool) -> None:
    """Download, verify and unpack PACKAGES, or all of the manifest."""
    from mlcomp.training.corpus import fetch_packages, read_manifest

    chosen = read_manifest().select(packages)
    with progress("Fetching", len(chosen), as_json) as report:
        problems = fetch_packages(chosen, report=report)
    if as_json:
        click.echo(json.dumps({"packages": len(chosen) - len(problems), "problems": problems}))
    else:
        click.echo(f"{len(chosen) - len(problems)} of {len(chosen)} packages are ready")
    fail(problems)


@corpus.command()
@click.argument("targets", nargs=-1)
@click.option("--jobs", "-j", default=1, show_default=True, type=click.IntRange(1), help="Compilers at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(targets: tuple[str, ...], jobs: int, as_json: bool) -> None:
    """Compile the fetched packages for TARGETS, or for all, and index the modules.

    A second run compiles only what has changed; an interrupted one goes on with the package it was at.
    """
    from mlcomp.platforms.targets import targets as known_targets
    from mlcomp.training.corpus import build_corpus, find_target, read_manifest

    manifest = read_manifest()
    names = [find_target(name).name for name in targets] or list(known_targets())
    problems: list[str] = []
    results = {}
    for name in names:
        with progress(name, len(manifest.packages), as_json) as report:
            outcome = build_corpus(manifest, name, jobs=jobs, report=report)
        problems += [problem for problem in outcome.problems if problem not in problems]
        results[name] = {"modules": outcome.modules, "skipped": dict(outcome.skipped)}
        if not as_json:
            skipped = ", ".join(f"{number} {reason}" for reason, number in outcome.skipped.most_common() if number)
            click.echo(f"{name}: {outcome.modules} modules; left out: {skipped or 'none'}")
    if as_json:
        click.echo(json.dumps({"targets": results, "problems": problems}))
    fail(problems)


@corpus.command()
@click.argument("targets", nargs=-1)
@click.option("--projects", is_flag=True, help="One row per project.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def stats(targets: tuple[str, ...], projects: bool, as_json: bool) -> None:
    """Show projects, modules and instructions of every split for TARGETS, or for all."""
    from mlcomp.platforms.targets import targets as known_targets
    from mlcomp.training.corpus import SPLITS, load

    rows = []
    for target in targets or tuple(known_targets()):
        records = load(target)
        for split in SPLITS:
            members = [record for record in records if record.split == split]
            rows.append({"target": target, "split": split, **summary(members)})
            for project in sorted({record.project for record in members}) if projects else ():
                own = [record for record in members if record.project == project]
                rows.append({"target": target, "split": split, "project": project, **summary(own)})
    if as_json:
        click.echo(json.dumps(rows))
    else:
        show(rows)


def summary(records: list[ModuleRecord]) -> dict[str, int]:
    """Projects, modules, functions, instructions and the median module of some records."""
    sizes = sorted(record.instructions for record in records)
    return {
        "projects": len({record.project for record in records}),
        "modules": len(records),
        "functions": sum(record.functions for record in records),
        "instructions": sum(sizes),
        "median": sizes[len(sizes) // 2] if sizes else 0,
        "largest": sizes[-1] if sizes else 0,
    }


def show(rows: list[dict[str, object]]) -> None:
    """Print rows of `stats` as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    columns = (
        "target",
        "split",
        "project",
        "projects",
        "modules",
        "instructions",
        "median",
        "largest",
    )
    shown = [column for column in columns if any(column in row for row in rows)]
    for column in shown:
        table.add_column(column, no_wrap=True, justify="left" if column in ("target", "split", "project") else "right")
    for row in rows:
        cells = ["" if "project" in row and column == "projects" else row.get(column, "") for column in shown]
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells))
    Console().print(table)
