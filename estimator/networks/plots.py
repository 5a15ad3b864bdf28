"""Pictures of an estimate: a bar for each piece of work, and all pieces under the platform's roofline."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcomp.estimator.networks.executed import Executed
from mlcomp.estimator.networks.features import CONVOLUTIONS, natural, operator
from mlcomp.estimator.networks.loops import PRODUCTS
from mlcomp.estimator.networks.stack import Estimate, NetworkPlatform

matplotlib.use("Agg")
import matplotlib.pyplot as plt

MOST_BARS = 60
COMPUTING = {*CONVOLUTIONS, *PRODUCTS}
FASTEST = 35.0  # logarithm of operations per second; a model that has more has found no limit
NAMED = 9  # types with a colour of their own
DIGITS = 3


def bars(estimate: Estimate, out: Path) -> None:
    """Times of the pieces in the order of execution, with intervals; the longest if there are many."""
    order = np.argsort([-row.seconds for row in estimate.rows], kind="stable")[:MOST_BARS]
    rows = [estimate.rows[i] for i in sorted(order)]
    colours = _colours(estimate)
    figure, axis = plt.subplots(figsize=(9, 0.6 + 0.19 * len(rows)))
    for place, row in enumerate(rows):
        ends = row.seconds * np.exp(np.array([-row.width, row.width])) * 1e3
        colour = colours.get(row.type, "tab:gray")
        axis.barh(place, row.seconds * 1e3, color=colour, height=0.8)
        axis.plot(ends, [place, place], color="black", linewidth=0.8)
    axis.set_yticks(range(len(rows)), [label(estimate, row.piece) for row in rows], fontsize=6)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.15 * max((row.seconds for row in rows), default=1e-3) * 1e3)  # intervals may go beyond
    left_out = len(estimate.rows) - len(rows)
    axis.set(xlabel="ms" + (f"; {left_out} shorter pieces are left out" if left_out else ""))
    axis.set_title(f"{estimate.mapping.network.name}: {estimate.seconds * 1e3:.{DIGITS}g} ms")
    _legend(axis, colours)
    _save(figure, out)


def roofline(estimate: Estimate, platform: NetworkPlatform, out: Path) -> None:
    """Operations per second over operations per byte, with the peaks of the platform's layer models that compute."""
    colours = _colours(estimate)
    ops, size = natural(estimate.x, "ops"), natural(estimate.x, "bytes")
    seconds = np.array([row.seconds for row in estimate.rows])
    shown = (ops > 0) & (size > 0)
    intensity, speed = ops[shown] / size[shown], ops[shown] / seconds[shown]
    figure, axis = plt.subplots(figsize=(7, 5))
    names = [row.type for row, keep in zip(estimate.rows, shown, strict=True) if keep]
    for name in dict.fromkeys(names):
        mine = [i for i, other in enumerate(names) if other == name]
        weights = 400 * seconds[shown][mine] / seconds.sum()
        axis.scatter(intensity[mine], speed[mine], s=6 + weights, color=colours.get(name, "tab:gray"), alpha=0.7)
    peaks = [
        np.exp(layer["roofline"])
        for name, layer in platform.layers.items()
        if layer["rows"] > 30 and operator(name) in COMPUTING and layer["roofline"][0] < FASTEST
    ]
    if peaks:
        peak, bandwidth = np.max(peaks, axis=0)
        line = np.geomspace(min(intensity.min(), 0.1), max(intensity.max(), 1e3), 50)
        axis.plot(line, np.minimum(peak, bandwidth * line), color="black", linewidth=1)
    axis.set(xscale="log", yscale="log", xlabel="operations / byte", ylabel="operations / s")
    axis.set_title(f"{estimate.mapping.network.name} on {platform.manifest['platform']}")
    _legend(axis, colours)
    _save(figure, out)


def label(estimate: Estimate, piece: Executed) -> str:
    """What a piece of work stands for, in a few words."""
    names = [layer.name for layer in estimate.mapping.members(piece)] or [piece.tensor]
    text = f"{piece.kind} {names[0]}" + (f" +{len(names) - 1}" if len(names) > 1 else "")
    return text if len(text) <= 48 else text[:45] + "..."


def _colours(estimate: Estimate) -> dict[str, str]:
    times: dict[str, float] = {}
    for row in estimate.rows:
        times[row.type] = times.get(row.type, 0.0) + row.seconds
    longest = sorted(times, key=lambda name: -times[name])[:NAMED]
    palette = [f"C{i}" for i in range(10) if i != 7]
    return dict(zip(longest, palette, strict=False))


def _legend(axis: Axes, colours: dict[str, str]) -> None:
    for name, colour in colours.items():
        axis.scatter([], [], color=colour, label=name)
    axis.legend(fontsize=6)


def _save(figure: Figure, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(out, dpi=110, metadata={"Software": None})
    plt.close(figure)
