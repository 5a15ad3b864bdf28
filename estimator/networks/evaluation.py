"""Estimates against measurements: total latencies with each kind of layer models, ranks, and the mapping."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from mlcomp.estimator.networks.executed import Mapping as Executions
from mlcomp.estimator.networks.executed import agreement
from mlcomp.estimator.networks.graph import read_model
from mlcomp.estimator.networks.layers import KINDS
from mlcomp.estimator.networks.runtime import open_runtime
from mlcomp.estimator.networks.stack import AUTO, Estimate, NetworkPlatform
from mlcomp.estimator.networks.store import Measured, append, read


def measure(
    runtime: str,
    paths: Sequence[Path],
    axes: Mapping[str, int],
    seconds: float,
    report: Callable[[str], None],
    kept: Path | None = None,
) -> list[Measured]:
    """Measures networks; those that are in the store `kept` are not measured again, others are put there."""
    known = {row.name: row for row in read(kept)} if kept and kept.exists() else {}
    rows = []
    with open_runtime(runtime) as platform:
        for path in paths:
            row = known.get(path.stem)
            if row is None:
                start = time.monotonic()
                proto, network = read_model(path, axes)
                timed = platform.measure(proto, network, seconds, path.parent)
                wall = time.monotonic() - start
                row = Measured(
                    platform.name, network.name, timed.mapping, timed.total, timed.reference, timed.spread, wall
                )
                if kept:
                    append(kept, [row])
                report(f"{network.name}: {timed.total * 1e3:.4g} ms")
            rows.append(row)
    return rows


def evaluate(fitted: NetworkPlatform, measured: Sequence[Measured]) -> dict[str, Any]:
    """Estimates measured networks, and gives errors: estimated / measured - 1.

    Measured times are corrected for drift of the machine by the reference kernel, as the benchmarks are.
    """
    rows = []
    for timed in measured:
        assert timed.total
        network = timed.mapping.network
        start = time.perf_counter()
        predicted = fitted.mapping.apply(network)
        estimates = {AUTO: fitted.estimate(network, AUTO, predicted)}
        taken = time.perf_counter() - start
        estimates |= {kind: fitted.estimate(network, kind, predicted) for kind in KINDS}
        known = fitted.estimate(network, AUTO, timed.mapping)
        total = timed.total * fitted.drift(timed.reference)
        right, decisions = agreement(predicted, timed.mapping)
        rows.append(
            {
                "network": network.name,
                "layers": len(network.layers),
                "measured": total,
                "raw": timed.total,
                "spread": timed.spread,
                "reference": timed.reference,
                "estimate_seconds": taken,
                "mapping": right / decisions,
                "decisions": decisions,
                "right": right,
                "covered": estimates[AUTO].low <= total <= estimates[AUTO].high,
                "unknown": sorted({row.type for row in estimates[AUTO].rows if row.unknown}),
                **{k: {"seconds": e.seconds, "error": e.seconds / total - 1} for k, e in estimates.items()},
                "true mapping": {"seconds": known.seconds, "error": known.seconds / total - 1},
                "pieces": pieces(known, timed.mapping, fitted, timed.reference),
            }
        )
    return {"platform": fitted.manifest["platform"], "summary": summary(rows), "networks": rows}


def pieces(
    known: Estimate, measured: Executions, fitted: NetworkPlatform, reference: float | None
) -> dict[str, list[float]]:
    """For each type of work the measured and estimated seconds of a network, with its true mapping."""
    found: dict[str, list[float]] = {}
    factor = fitted.drift(reference)
    for row, piece in zip(known.rows, measured.executed, strict=True):
        mine = found.setdefault(row.type, [0.0, 0.0])
        mine[0] += float(fitted.total.pieces(np.array([piece.seconds * factor]))[0])
        mine[1] += row.seconds
    return found


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures over all networks."""
    found: dict[str, Any] = {
        "networks": len(rows),
        "mapping": sum(r["right"] for r in rows) / sum(r["decisions"] for r in rows),
        "covered": float(np.mean([r["covered"] for r in rows])),
        "longest_estimate_seconds": max(r["estimate_seconds"] for r in rows),
    }
    measured = [r["measured"] for r in rows]
    for kind in (AUTO, *KINDS, "true mapping"):
        errors = np.abs([r[kind]["error"] for r in rows])
        rank = spearmanr([r[kind]["seconds"] for r in rows], measured).statistic if len(rows) > 2 else np.nan
        found[kind] = {
            "mean_error": float(errors.mean()),
            "worst_error": float(errors.max()),
            "spearman": None if np.isnan(rank) else float(rank),
        }
    return found
