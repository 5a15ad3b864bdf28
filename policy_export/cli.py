"""`mlcomp-export RUN -o OUT`: ship the policy of a training run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlcomp.passes_features.native import NativeError
from mlcomp.policy_export.export import ExportError, export


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder, or FILE.mlpolicy.")
@click.option("--name", help="Name of the policy; TARGET-OBJECTIVE unless given.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
def main(run: Path, output: Path, name: str | None, as_json: bool) -> None:
    """Export the policy of a training RUN and prove that both engines choose the same."""
    try:
        parities = export(run, output, name)
    except (ExportError, NativeError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    if as_json:
        click.echo(json.dumps({m: {"rows": p.rows, "difference": p.largest_difference} for m, p in parities.items()}))
        return
    for model, parity in parities.items():
        click.echo(f"{model}: {parity.rows} inputs ranked alike by both engines ({parity.largest_difference:.2g})")
    click.echo(f"wrote {output}")
