"""`mlcomp profile`: programs, compiled in many ways, measured on platforms into a profile store."""

from __future__ import annotations

import difflib
import functools
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mlcomp.cli.output import OutputFile, json_option, print_json, print_table
from mlcomp.estimator import store
from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import find_platform
from mlcomp.training.candidates import builds
from mlcomp.training.corpus.manifest import CorpusError
from mlcomp.training.kernels import Kernel, kernels
from mlcomp.training.programs import jobs_for, profile_again, profile_programs, usable_kernels


@click.command()
@click.option("--platform", "platform_names", multiple=True, help="Where to run; ibex-fast unless given. Repeatable.")
@click.option("--program", "programs", multiple=True, help="A program of the table; all unless given. Repeatable.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Only the programs of a split.")
@click.option("--table", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Another kernels.toml.")
@click.option("--builds", "count", default=150, show_default=True, type=click.IntRange(1), help="Ways to compile.")
@click.option("--seed", default=0, show_default=True, help="Of the ways to compile.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="The store's folder; build/profile unless given."
)
@click.option("--pack", type=OutputFile(), help="When all is measured, also write one file.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the programs in this folder.")
@click.option("--like", help="Run the kept programs of this platform's rows again, on others of its target.")
@click.option("--jobs", "-j", default=2, show_default=True, type=click.IntRange(1), help="Worker processes.")
@json_option
def profile(
    platform_names: tuple[str, ...],
    programs: tuple[str, ...],
    split: str | None,
    table: Path | None,
    count: int,
    seed: int,
    out: Path | None,
    pack: Path | None,
    keep: Path | None,
    like: str | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Compile programs in many ways, run them on platforms, and keep what is learned in a profile store.

    What the store has is not measured again, so an interrupted run goes on where it stopped.
    """
    folder = out or Path("build", "profile")
    names = platform_names or ("ibex-fast",)
    try:
        if len({find_platform(name).target_name for name in (*names, *([like] if like else []))}) > 1:
            raise click.UsageError("platforms of one call must share a target")
        for name in names:
            find_platform(name).prepare(lambda text: click.echo(text, err=True))
        work = []
        if not like:
            target = find_platform(names[0]).target_name
            work = jobs_for(chosen_kernels(programs, split, table), names, builds(target, count, seed), keep)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            if like:
                if not keep:
                    raise click.UsageError("--like needs --keep, the folder of the programs")
                known = [r for r in store.read(folder).to_pylist() if r["platform"] == like and r["build"] < count]
                for name in names:
                    again = progress.add_task(name, total=len(known))
                    advance = functools.partial(progress.advance, again)
                    profile_again(known, find_platform(name), keep, folder, jobs, advance)
            else:
                task = progress.add_task("profiling, tens of builds", total=len(work))
                profile_programs(work, folder, jobs, lambda _: progress.advance(task))
        rows = store.read(folder)
        if pack:
            store.pack(folder, pack)
    except (CorpusError, PlatformError, store.StoreError) as problem:
        raise click.ClickException(str(problem)) from problem
    counts = [
        {
            "platform": name,
            "rows": len(mine),
            "failed": sum(bool(row["problem"]) for row in mine),
            "different": len({row["contents"] for row in mine}),
        }
        for name in names
        if (mine := [r for r in rows.select(["platform", "problem", "contents"]).to_pylist() if r["platform"] == name])
    ]
    if as_json:
        return print_json({"store": str(pack or folder), "platforms": counts})
    headings = ("platform", "rows", "failed", "different programs")
    print_table(headings, [tuple(row.values()) for row in counts])
    return click.echo(f"store: {pack or folder}")


def chosen_kernels(programs: tuple[str, ...], split: str | None, table: Path | None) -> list[Kernel]:
    """The named programs, or all; those whose packages are missing are left out with a word."""
    chosen = kernels(split, table)
    unknown = sorted(set(programs) - {k.name for k in chosen})
    if unknown:
        alike = difflib.get_close_matches(unknown[0], [k.name for k in chosen])
        hint = f"; did you mean {', '.join(alike)}?" if alike else "; kernels/kernels.toml names them"
        raise click.UsageError(f"there is no program '{unknown[0]}'{hint}")
    named = [k for k in chosen if not programs or k.name in programs]
    return usable_kernels(named, lambda text: click.echo(text, err=True))
