"""`mlcomp fuzz`: programs compiled in every way that policies may choose must do what they do at -O0."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from mlcomp.cli.output import json_option, out_option, print_json, print_table, timed_report, write_json
from mlcomp.cli.policy import find_policy
from mlcomp.fuzzing.campaign import Campaign, Row, summary
from mlcomp.fuzzing.execution import PLATFORMS
from mlcomp.platforms.platform import find_platform
from mlcomp.policies import registry


@click.command()
@click.option("--programs", default=100, show_default=True, type=click.IntRange(1), help="Programs to try.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The first program's seed.")
@click.option("--target", "targets", multiple=True, type=click.Choice(list(PLATFORMS)), help="Repeatable; else all.")
@click.option("--policy", "policies", multiple=True, help="Name or folder of a policy. Repeatable; else all that ship.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build", "fuzz"),
    show_default=True,
    help="Where results are kept; a campaign that was interrupted goes on there.",
)
@out_option
@json_option
def fuzz(
    programs: int,
    seed: int,
    targets: tuple[str, ...],
    policies: tuple[str, ...],
    folder: Path,
    out: Path | None,
    as_json: bool,
) -> None:
    """Fuzz the compiler: csmith's programs and mutated kernels, on emulators and this machine.

    Each is compiled with all sequences and options of the policies, with a share of all actions, and with mlcc.
    Exit code 1 if anything differs from -O0 or fails.
    """
    chosen = [registry.load(find_policy(name)) for name in policies or registry.names()]
    campaign = Campaign(folder, targets or tuple(PLATFORMS), chosen)
    say = timed_report()

    def report(row: Row) -> None:
        text = row.get("discarded") or f"{len(row['tried'])} ways, {row['runs']} runs, {len(row['findings'])} findings"
        say(f"{row['program']} on {row['target']}: {text}")
        for finding in row.get("findings", ()):
            click.echo(f"  {finding['verdict']}: {finding['kind']} {finding['name']}: {finding['detail']}", err=True)

    for target in campaign.targets:
        find_platform(PLATFORMS[target]).prepare(lambda message: click.echo(message, err=True))
    campaign.run(range(seed, seed + programs), report)
    result = {"command": shlex.join(["mlcomp", *sys.argv[1:]]), **summary(campaign.rows())}
    if out:
        write_json(out, result)
    if as_json:
        print_json(result)
    else:
        print_table(["target", "ways"], [(target, counts["total"]) for target, counts in result["by_target"].items()])
        click.echo(
            f"{result['programs']} programs, {result['configurations']} ways, {result['different']} different, "
            f"{result['failed']} failed; {sum(result['discarded'].values())} programs on targets discarded"
        )
    if result["different"] or result["failed"]:
        raise SystemExit(1)
