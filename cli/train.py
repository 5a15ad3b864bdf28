"""`mlcomp train`: make a policy's training run for a target, from the corpus."""

from __future__ import annotations

import time
from pathlib import Path

import click

from mlcomp.passes_features.native import NativeError
from mlcomp.platforms.targets import targets
from mlcomp.training.corpus import CorpusError
from mlcomp.training.train import Settings
from mlcomp.training.train import train as run_training


@click.command()
@click.option("--target", required=True, type=click.Choice(sorted(targets())), help="What code is generated for.")
@click.option("--objective", type=click.Choice(["size"]), default="size", show_default=True)
@click.option("--run", type=click.Path(path_type=Path), help="Run folder; build/runs/TARGET-OBJECTIVE unless given.")
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", "-j", default=2, show_default=True, help="Worker processes.")
@click.option("--search-modules", default=Settings.search_modules, show_default=True, help="Modules searched on.")
@click.option("--coreset", default=Settings.coreset, show_default=True, help="Sequences to find.")
@click.option(
    "--profile-modules", default=Settings.profile_modules, show_default=True, help="Modules to fit models on."
)
def train(
    target: str,
    objective: str,
    run: Path | None,
    seed: int,
    jobs: int,
    search_modules: int,
    coreset: int,
    profile_modules: int,
) -> None:
    """Search sequences, profile the corpus and fit the models of a policy; an interrupted run goes on."""
    folder = run or Path("build", "runs", f"{target}-{objective}")
    settings = Settings(
        target, objective, seed, search_modules=search_modules, coreset=coreset, profile_modules=profile_modules
    )
    start = time.monotonic()

    def report(message: str) -> None:
        click.echo(f"[{time.monotonic() - start:7.1f} s] {message}", err=True)

    try:
        run_training(settings, folder, jobs, report)
    except (CorpusError, NativeError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"run {folder} is complete; ship it with: mlcomp-export {folder} -o policies/{target}-{objective}")
