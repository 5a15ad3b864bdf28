"""Fits the activity models of energy.toml to the calibration's data.

A model is linear with non-negative coefficients, fitted by least squares on relative errors, so that short and long
programs count alike. Train and validation programs are fitted; a program is one kernel with all its levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from mlcomp.platforms.energy.table import Row

Vector = NDArray[np.float64]

# What a model may use, in the order of the table.
TERMS = {
    "ibex": (
        "cycles instructions loads stores branches branches_taken jumps fetches multiply_waits divide_waits "
        "source_toggles operand_toggles result_toggles instruction_toggles fetch_toggles data_toggles"
    ).split(),
    "ibex-fast": (
        "cycles instructions loads stores branches branches_taken jumps multiplications divisions additions logic "
        "shifts comparisons constants high_multiplications byte_loads half_loads byte_stores half_stores crossings "
        "immediates compressed indirect_jumps target_crossings encoding_toggles register_toggles"
    ).split(),
    "cv32e40p": "cycles instructions loads stores branches branches_taken jumps fetches".split(),
}
PLATFORMS = {"ibex": ("ibex", "ibex-fast"), "cv32e40p": ("cv32e40p",)}  # by core
FETCH_TERMS = "cycles instructions compressed branches branches_taken jumps loads stores target_crossings".split()
DIGITS = 6  # significant, of coefficients


@dataclass(frozen=True)
class Fit:
    """Coefficients of the counts that a model uses, and its relative errors on programs it was not fitted to."""

    coefficients: dict[str, float]
    left_out: Vector  # signed, one a row that was fitted
    test: Vector  # signed, one a row of the test programs

    @property
    def error(self) -> dict[str, float]:
        """Mean and largest of both, as in energy.toml."""
        figures = {}
        for name, errors in (("left_out", self.left_out), ("test", self.test)):
            figures[f"{name}_mean"] = round(float(np.abs(errors).mean()), 5)
            figures[f"{name}_max"] = round(float(np.abs(errors).max()), 5)
        return figures


def _solve(X: Vector, y: Vector) -> Vector:
    """Non-negative coefficients that make X @ c / y close to 1; X of shape (rows, terms)."""
    scale = (X / y[:, None]).mean(axis=0)
    scale[scale == 0] = 1
    model = LinearRegression(positive=True, fit_intercept=False).fit(X / y[:, None] / scale, np.ones(len(y)))
    return np.asarray(model.coef_ / scale, dtype=float)


def fit(rows: Sequence[Row], X: Vector, y: Vector, terms: Sequence[str]) -> Fit:
    """Fits y to the columns of X on train and validation rows; shapes (rows, terms) and (rows,)."""
    kernel = np.array([r.kernel for r in rows])
    known = np.array([r.split != "test" for r in rows])
    left_out = np.zeros(len(rows))
    for name in sorted(set(kernel[known])):
        out = kernel == name
        used = known & ~out
        left_out[out] = X[out] @ _solve(X[used], y[used]) / y[out] - 1
    coefficients = np.array([float(f"{c:.{DIGITS}g}") for c in _solve(X[known], y[known])])
    test = X[~known] @ coefficients / y[~known] - 1
    chosen = {name: float(c) for name, c in zip(terms, coefficients, strict=True) if c > 0}
    return Fit(chosen, left_out[known], test)


def counts_of(rows: Sequence[Row], platform: str, terms: Sequence[str]) -> Vector:
    """A platform's counts, shape (rows, terms)."""
    return np.array([[r.counts[platform][t] for t in terms] for r in rows])


def core_energy(rows: Sequence[Row], platform: str) -> Vector:
    """The core's energy at gate level in pJ, shape (rows,).

    Where a program was cut off by the limit of cycles, a platform with modelled cycles has counted a little more or
    less of it; the energy is taken for as many cycles as it counted.
    """

    def cycles(row: Row) -> float:
        return row.counts[platform]["cycles"] / row.gates["cycles"] if row.gates["cut"] else 1.0

    return np.array([1e3 * row.gates["energy"] * cycles(row) for row in rows])


def fit_core(rows: Sequence[Row], platform: str, terms: Sequence[str] | None = None) -> Fit:
    """The model of the core's energy in pJ on a platform's counts."""
    terms = TERMS[platform] if terms is None else terms
    return fit(rows, counts_of(rows, platform, terms), core_energy(rows, platform), terms)


def fit_fetches(rows: Sequence[Row]) -> Fit:
    """A model of fetches, for the platform that does not count them; programs that were cut off are left out."""
    whole = [r for r in rows if not r.gates["cut"]]
    y = np.array([r.counts["ibex"]["fetches"] for r in whole])
    return fit(whole, counts_of(whole, "ibex-fast", FETCH_TERMS), y, FETCH_TERMS)


def table(data: Mapping[str, Sequence[Row]]) -> str:
    """The text of energy.toml, from each core's rows."""
    lines = ["# Energy of programs; made by `make energy` from calibration-*.csv.gz: pJ a count, relative errors.", ""]
    for rows, platform in ((rows, platform) for core, rows in data.items() for platform in PLATFORMS[core]):
        model = fit_core(rows, platform)
        sections: dict[str, dict[str, Any]] = {"core": model.coefficients, "error": model.error}
        if "fetches" not in TERMS[platform]:
            sections["fetches"] = fit_fetches(rows).coefficients
        for name, values in sections.items():
            lines.append(f'[platform."{platform}".{name}]')
            lines += [f"{key} = {value!r}" for key, value in values.items()]
            lines.append("")
    return "\n".join(lines)
