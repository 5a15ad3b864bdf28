"""`mlcomp train`: make a policy's training run for a target, from the corpus."""

from __future__ import annotations

from pathlib import Path

import click

from mlcomp.cli.output import timed_report
from mlcomp.estimator.design import DataError
from mlcomp.estimator.store import StoreError
from mlcomp.passes_features.native import NativeError
from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import find_platform
from mlcomp.platforms.targets import targets
from mlcomp.training import judged
from mlcomp.training.candidates import OBJECTIVES
from mlcomp.training.corpus import CorpusError
from mlcomp.training.run import RunError
from mlcomp.training.train import Settings
from mlcomp.training.train import train as run_training


@click.command()
@click.option("--target", required=True, type=click.Choice(sorted(targets())), help="What code is generated for.")
@click.option("--objective", type=click.Choice(list(OBJECTIVES)), default="size", show_default=True)
@click.option("--platform", help="Where programs run, for objectives other than size; ibex-fast for riscv32.")
@click.option("--run", type=click.Path(path_type=Path), help="Run folder; build/runs/TARGET-OBJECTIVE unless given.")
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", "-j", default=2, show_default=True, help="Worker processes.")
@click.option("--coreset", default=Settings.coreset, show_default=True, help="Sequences to keep.")
@click.option("--grow", type=int, help="Sequences to search; as many as are kept, none with --pool.")
@click.option("--search-modules", default=Settings.search_modules, show_default=True, help="For size: searched on.")
@click.option("--option-modules", default=Settings.option_modules, show_default=True, help="For size: for option sets.")
@click.option("--edit-modules", default=Settings.edit_modules, show_default=True, help="For size: for single edits.")
@click.option("--profile-modules", default=Settings.profile_modules, show_default=True, help="For size: fitted on.")
@click.option(
    "--candidates",
    default=Settings.candidates,
    type=click.IntRange(min=1),
    show_default=True,
    help="For size: what effort 1 measures beside the baseline; a sequence counts twice.",
)
@click.option(
    "--search-programs", default=judged.Settings.search_programs, show_default=True, help="For others: searched on."
)
@click.option(
    "--profile-programs", default=judged.Settings.profile_programs, show_default=True, help="For others: fitted on."
)
@click.option(
    "--settle", is_flag=True, help="For others: sweep options of the pool's first sequence, on what is fitted."
)
@click.option(
    "--pool", multiple=True, type=click.Path(path_type=Path), help="For others: a run whose sequences are tried too."
)
@click.option(
    "--profile", "measured", type=click.Path(path_type=Path), help="For others: a profile store to fit on, as measured."
)
def train(
    target: str,
    objective: str,
    platform: str | None,
    run: Path | None,
    seed: int,
    jobs: int,
    coreset: int,
    grow: int | None,
    search_modules: int,
    option_modules: int,
    edit_modules: int,
    profile_modules: int,
    candidates: int,
    search_programs: int,
    profile_programs: int,
    settle: bool,
    pool: tuple[Path, ...],
    measured: Path | None,
) -> None:
    """Search sequences, profile code and fit the models of a policy; an interrupted run goes on.

    For size, modules of the corpus are compiled; for other objectives, the kernels are run on a platform.
    """
    folder = run or Path("build", "runs", f"{target}-{objective}")
    report = timed_report()
    try:
        if objective == "size":
            given = {"--settle": settle, "--pool": pool, "--profile": measured}
            if others := [name for name, value in given.items() if value]:
                raise click.UsageError(f"for other objectives than size: {', '.join(others)}")
            settings = Settings(
                target,
                seed=seed,
                search_modules=search_modules,
                coreset=coreset,
                grown=coreset if grow is None else grow,
                option_modules=option_modules,
                edit_modules=edit_modules,
                profile_modules=profile_modules,
                candidates=candidates,
            )
            run_training(settings, folder, jobs, report)
        else:
            where = platform or ("ibex-fast" if target == "riscv32" else "")
            if not where:
                raise click.UsageError(f"give a --platform of {target} to run programs on")
            if find_platform(where).target_name != target:
                raise click.UsageError(f"platform '{where}' does not run code for {target}")
            grown = (0 if pool else coreset) if grow is None else grow
            if settle and not pool:
                raise click.UsageError("--settle needs a --pool, whose first sequence is swept")
            chosen = judged.Settings(
                target,
                objective,
                where,
                seed,
                search_programs=search_programs,
                coreset=coreset,
                grown=grown,
                profile_programs=profile_programs,
                settled=settle,
            )
            judged.train(chosen, folder, jobs, report, pool, measured)
    except (CorpusError, DataError, NativeError, PlatformError, RunError, StoreError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"run {folder} is complete; ship it with: mlcomp-export {folder} -o policies/{target}-{objective}")
