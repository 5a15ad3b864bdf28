"""`mlcomp policy`: the policies that ship or that a path names, and whether they are in order."""

from __future__ import annotations

from pathlib import Path

import click

from mlcomp.cli.output import json_option, print_json, print_table
from mlcomp.driver.diagnostics import UnusableError
from mlcomp.driver.policy import unpacked
from mlcomp.policies import registry

TOLERANCE = 1e-4
"""How far an engine's output may be from the stored one: float32 sums in another order."""


@click.group()
def policy() -> None:
    """List, show and verify policies."""


def find_policy(text: str) -> Path:
    """The folder of a policy, by its path, that of its `.mlpolicy` file, or the name under which it ships."""
    if not Path(text).is_file():
        return registry.find(text)
    try:
        return Path(unpacked(text))
    except UnusableError as problem:
        raise registry.PolicyError(str(problem)) from problem


@policy.command("list")
@json_option
def list_policies(as_json: bool) -> None:
    """The policies that ship."""
    policies = [registry.load(registry.find(name)) for name in registry.names()]
    if as_json:
        print_json([{"name": p.name, "arch": p.arch, "objective": p.objective, "path": str(p.path)} for p in policies])
    elif policies:
        print_table(("policy", "target", "objective"), [(p.name, p.arch, p.objective) for p in policies])
    else:
        click.echo("no policies are installed")


@policy.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """What policy NAME (or a folder or file) is for, its sequences (s1, s2, …), what it was made from and reached."""
    found = registry.load(find_policy(name))
    manifest = found.manifest
    facts = {
        "name": found.name,
        "architectures": ", ".join(manifest["architectures"]),
        "objective": found.objective,
        "llvm": f"{manifest['llvm_min']} to {manifest['llvm_max']}",
        "features": len(manifest["features"]),
        "sequences": len(manifest["sequences"]),
        "option_sets": len(manifest["option_sets"]),
    }
    actions = {sequence["name"]: sequence["actions"] for sequence in manifest["sequences"]}
    if as_json:
        print_json(facts | {"actions": actions, "path": str(found.path), "card": found.card})
        return
    print_table(("policy", found.name), [(key.replace("_", " "), facts[key]) for key in list(facts)[1:]])
    click.echo()
    for sequence, words in actions.items():
        click.echo(f"{sequence}: {' '.join(words)}")
    if found.card:
        click.echo("\n" + found.card.rstrip())


@policy.command()
@click.argument("names", nargs=-1)
@json_option
def verify(names: tuple[str, ...], as_json: bool) -> int:
    """Check manifest, checksums and the engines' answers of policies NAMES, or of all."""
    results = {name: _problems(name) for name in names or registry.names()}
    if as_json:
        print_json([{"policy": name, "ok": not found, "problems": found} for name, found in results.items()])
    else:
        for name, found in results.items():
            click.echo(f"{name}: {'ok' if not found else 'broken'}")
            for problem in found:
                click.echo(f"  {problem}")
        if not results:
            click.echo("no policies are installed")
    return 1 if any(results.values()) else 0


def _problems(name: str) -> list[str]:
    """All that is wrong with a policy, a line each."""
    try:
        found = registry.load(find_policy(name))
        broken = registry.file_problems(found)
        if broken:
            return broken
        problems = []
        for model, vectors in registry.parity_vectors(found).items():
            for engine in ("native", "ort"):
                problems += _engine_problems(found.path / model, engine, vectors)
        return problems
    except registry.PolicyError as problem:
        return [str(problem)]


def _engine_problems(model: Path, engine: str, vectors: registry.Vectors) -> list[str]:
    """Where an engine's outputs are not the stored ones."""
    import numpy as np

    from mlcomp.passes_features.native import NativeError
    from mlcomp.passes_features.native_model import Model

    try:
        with Model(model, "ort" if engine == "ort" else "native") as loaded:
            for row, (inputs, outputs) in enumerate(zip(vectors.inputs, vectors.outputs, strict=True)):
                got = loaded.run(inputs)
                if got.shape != (len(outputs),):
                    return [f"{model.name}: {engine} gives {got.size} outputs, {len(outputs)} are stored"]
                if not np.allclose(got, outputs, rtol=TOLERANCE, atol=TOLERANCE):
                    return [f"{model.name}: {engine} differs from the stored outputs in row {row}"]
                if int(np.argmin(got)) != int(np.argmin(outputs)):
                    return [f"{model.name}: {engine} chooses another alternative in row {row}"]
    except NativeError as problem:
        return [f"{model.name}: {engine}: {problem}"]
    return []
