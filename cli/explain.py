"""`mlcomp explain FILE`: which actions a policy takes, one by one, and what each brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from mlcomp.cli.policy import find_policy
from mlcomp.driver.policy import is_policy
from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.session import Session, feature_names
from mlcomp.platforms.targets import Target, targets
from mlcomp.policies.inference import PolicyError, RankedPolicy
from mlcomp.policies.registry import OBJECTIVES

SHIPPED = Path(__file__).parent.parent / "policies"


def steps(session: Session, policy: RankedPolicy) -> list[dict[str, Any]]:
    """Runs the policy's first choice step by step: features, ONNX Runtime, action, size.

    Sizes are flash bytes of the object file; the score is the predicted logarithm of the objective, against the
    baseline, of the choice that the action belongs to.
    """
    rows: list[dict[str, Any]] = []
    before = session.size().flash

    def take(choice: str, score: float, actions: tuple[str, ...]) -> None:
        nonlocal before
        for action in actions:
            session.apply(action)
            after = session.size().flash
            rows.append(
                {
                    "step": len(rows) + 1,
                    "choice": choice,
                    "action": action,
                    "score": score,
                    "before": before,
                    "after": after,
                }
            )
            before = after

    features = session.features()
    sequence = policy.choose_sequence(features)
    chosen = policy.sequences[sequence]
    take(chosen.name, float(policy.score_sequences(features)[sequence]), ("always-inline", *chosen.actions))
    if sequence:  # which has options of its own
        return rows
    features = session.features()
    options = policy.choose_option_set(features)
    take(
        policy.option_sets[options].name,
        float(policy.score_option_sets(features)[options]),
        policy.option_sets[options].actions,
    )
    return rows


def _target(name: str | None) -> Target:
    known = targets()
    name = name or "x86_64"
    if name not in known:
        raise click.ClickException(f"unknown target '{name}'; known are {', '.join(known)}")
    return known[name]


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option("--target", "target_name", help="riscv32, thumb or x86_64 (the default).")
@click.option("--objective", type=click.Choice(OBJECTIVES), default="size", show_default=True)
@click.option("--policy", help="Name, folder or file of a policy, instead of the shipped one for the objective.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
def explain(
    source: Path,
    flags: tuple[str, ...],
    target_name: str | None,
    objective: str,
    policy: str | None,
    as_json: bool,
) -> None:
    """Show the actions that the policy takes for SOURCE (C, C++, .ll or .bc), unmeasured, and the size after each.

    FLAGS after `--` go to clang.
    """
    target = _target(target_name)
    folder = find_policy(policy) if policy else SHIPPED / f"{target.name}-{objective}"
    if not policy and not is_policy(str(folder)):
        raise click.ClickException(f"no {objective} policy for {target.name} ships")
    try:
        ranked = RankedPolicy(folder, feature_names())
        level = ranked.manifest["baseline"].removeprefix("default<").removesuffix(">")
        if source.suffix in (".bc", ".ll"):
            session = Session.from_file(source, level, target.sections)
        else:
            session = Session.from_source(source, [*target.compile_flags, *flags], level)
        with session:
            baseline = session.try_sequence([]).sizes[0]
            rows = steps(session, ranked)
    except (NativeError, PolicyError, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    size = baseline.flash if baseline else 0
    if as_json:
        click.echo(
            json.dumps({"source": str(source), "policy": folder.name, "baseline": size, "steps": rows}, indent=1)
        )
        return
    table = Table(title=f"{source}: {folder.name}")
    for column, justify in (("step", "right"), ("choice", "left"), ("action", "left"), ("score", "right")):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for column in ("before", "after", f"against -{level}"):
        table.add_column(column, justify="right")
    for row in rows:
        percent = f"{100 * (row['after'] / size - 1):+.1f} %" if size else "-"
        table.add_row(
            str(row["step"]),
            row["choice"],
            row["action"],
            f"{row['score']:+.4f}",
            str(row["before"]),
            str(row["after"]),
            percent,
        )
    console = Console()
    console.print(table)
    final = rows[-1]["after"] if rows else size
    console.print(f"-{level}: {size} bytes; the policy's first choice, unmeasured: {final} bytes")
