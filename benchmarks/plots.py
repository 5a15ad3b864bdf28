"""Draws docs/plots/*.png from benchmarks/results/*.json: predicted against measured, and learning curves.

python benchmarks/plots.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results"
PLOTS = Path(__file__).parent.parent / "docs" / "plots"


def draw(result: dict[str, Any], out: Path) -> None:
    """One estimator: a row for each setting, a parity plot for each metric, and its learning curves."""
    metrics = list(result["unseen"]["static"])
    settings = list(result["unseen"])
    figure, axes = plt.subplots(
        len(settings), len(metrics) + 1, figsize=(3.2 * (len(metrics) + 1), 3.1 * len(settings)), squeeze=False
    )
    for row, setting in zip(axes, settings, strict=True):
        for axis, metric in zip(row, metrics, strict=False):
            table = result["unseen"][setting].get(metric)
            if not table:
                axis.set_axis_off()
                continue
            measured, predicted = table["points"]["measured"], table["points"]["predicted"]
            ends = [min(measured + predicted), max(measured + predicted)]
            axis.plot(ends, ends, color="gray", linewidth=0.8)
            axis.scatter(measured, predicted, s=4)
            axis.set(xscale="log", yscale="log", title=f"{metric}, {setting} counts", xlabel="measured / -O3")
            axis.set_ylabel("predicted / -O3")
            row[-1].plot(
                [p["projects"] for p in table["learning"]],
                [100 * p["mean_error"] for p in table["learning"]],
                marker="o",
                markersize=3,
                label=metric,
            )
        row[-1].set(title="learning", xlabel="projects fitted on", ylabel="mean error, %", ylim=(0, None))
        row[-1].legend(fontsize=7)
    figure.suptitle(f"{result['platform']}: test programs")
    figure.tight_layout()
    figure.savefig(out, dpi=80, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """All estimators that have been evaluated."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    for path in sorted(RESULTS.glob("estimator-*.json")):
        result = json.loads(path.read_text())
        draw(result, PLOTS / f"{path.stem}.png")


if __name__ == "__main__":
    main()
