"""Estimates against measurements: on ort-cpu of 12 networks and 34 NASBench-101 cells, which nothing was tuned on.

    mlcomp network bench --platform ort-cpu && mlcomp network fit --platform ort-cpu
    python benchmarks/networks.py --models build/networks/models --out benchmarks/results/networks-ort-cpu.json

`benchmarks/network_models.py` makes the networks; `--set validation` are those to try things on. On ibex-c the same of
10 tiny networks, which `benchmarks/tiny_networks.py` makes:

    python benchmarks/networks.py --models build/networks/tiny --set test --set validation \\
      --model estimator/networks/fitted/ibex-c --store estimator/networks/fitted/ibex-c.parquet \\
      --kept build/networks/tiny-measured --out benchmarks/results/networks-ibex-c.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from mlcomp.estimator.networks import store
from mlcomp.estimator.networks.evaluation import evaluate, measure, summary
from mlcomp.estimator.networks.stack import MANIFEST, NetworkPlatform

PUBLISHED = {"networks": {"A": 0.0347, "B": 0.0744}, "spearman": 0.988}  # ANNETTE's averages, mixed models


def shortened(row: dict[str, Any]) -> dict[str, Any]:
    """A network's figures without those of its types of work."""
    return {key: value for key, value in row.items() if key != "pieces"}


def types_of_work(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Measured and estimated share of all networks' time, by type of work, with the true mapping."""
    found: dict[str, list[float]] = {}
    whole = sum(row["measured"] for row in rows)
    for row in rows:
        for name, (measured, estimated) in row["pieces"].items():
            mine = found.setdefault(name, [0.0, 0.0])
            mine[0] += measured / whole
            mine[1] += estimated / whole
    order = sorted(found, key=lambda name: -found[name][0])
    return {name: {"measured": found[name][0], "estimated": found[name][1]} for name in order}


@click.command()
@click.option("--models", type=click.Path(path_type=Path), required=True, help="What network_models.py exported.")
@click.option("--set", "sets", multiple=True, default=("test", "nasbench"), show_default=True)
@click.option("--model", type=click.Path(path_type=Path), default=Path("build/networks/ort-cpu"), show_default=True)
@click.option("--store", "bench", type=click.Path(path_type=Path), default=Path("build/networks/ort-cpu-bench"))
@click.option(
    "--kept", type=click.Path(path_type=Path), default=Path("build/networks/measured"), help="What is measured already."
)
@click.option("--seconds", default=0.5, show_default=True, help="CPU time to measure each network for.")
@click.option("--note", default="", help="What a reader of the figures should know.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    models: Path, sets: tuple[str, ...], model: Path, bench: Path, kept: Path, seconds: float, note: str, out: Path
) -> None:
    """Measure, estimate, write all figures."""
    measured = store.read(bench)
    manifest = json.loads((model / MANIFEST).read_text())
    platform = manifest["platform"]
    result: dict[str, Any] = {
        "command": " ".join(["benchmarks/networks.py", *sys.argv[1:]]),
        "note": note,
        "platform": platform,
        "clock": manifest.get("clock"),
        "bench": {
            "command": f"mlcomp network bench --platform {platform}",
            "networks": len(measured),
            "minutes": sum(row.wall for row in measured) / 60,
            "pieces": sum(len(row.mapping.executed) for row in measured),
        },
        "fit": {
            "command": f"mlcomp network fit --platform {platform}",
            "total": manifest["total"],
            "layers": {
                name: {key: layer[key] for key in ("rows", "chosen", "regressors", "errors")}
                for name, layer in manifest["layers"].items()
            },
        },
        "published": PUBLISHED,
        "sets": {},
    }
    mapped = [0, 0]
    for name in sets:
        paths = sorted((models / name).glob("*.onnx"))
        if not paths:
            raise click.ClickException(f"there are no networks in {models / name}; see benchmarks/network_models.py")
        networks = measure(platform, paths, {}, seconds, lambda text: click.echo(text, err=True), kept / name)
        rows = evaluate(NetworkPlatform(model), networks)["networks"]
        mapped = [mapped[0] + sum(r["right"] for r in rows), mapped[1] + sum(r["decisions"] for r in rows)]
        result["sets"][name] = {
            "summary": summary(rows),
            "networks": [shortened(row) for row in rows],
            "types": types_of_work(rows),
        }
    result["mapping"] = {"right": mapped[0], "decisions": mapped[1], "share": mapped[0] / mapped[1]}
    out.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps({name: part["summary"] for name, part in result["sets"].items()}, indent=1))


if __name__ == "__main__":
    main()
