"""Calibrates the energy of programs on a core: gate-level runs, their check, the data, the models, the results.

python benchmarks/energy.py --core ibex --out benchmarks/results/energy-ibex.json

`make energy` installs what this needs. Netlist, simulators and runs are kept in the cache folder, so that it can be
interrupted; all of it takes about 20 minutes of CPU time for a core. It writes platforms/energy/calibration-CORE.csv.gz
and platforms/energy/energy.toml.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlcomp.platforms.energy import check, fit
from mlcomp.platforms.energy.model import TABLE
from mlcomp.platforms.energy.simulator import LANES, GateRun, GateSimulator
from mlcomp.platforms.energy.synthesis import CORES, top_of
from mlcomp.platforms.energy.table import Row, data_of, read_rows, write_rows
from mlcomp.platforms.measurement import Limits, PlatformError, Size
from mlcomp.platforms.platform import Platform, digest, find_platform, make_once
from mlcomp.platforms.program import build, contents
from mlcomp.platforms.riscv import memory_image
from mlcomp.training.corpus.manifest import CorpusError
from mlcomp.training.kernels import kernels

FOLDER = Path(__file__).parent.parent / "platforms" / "energy"  # where the data belong
LEVELS = ("-O0", "-O2", "-O3", "-Oz")
CYCLES = 3_000_000  # of a program, from reset on
LATER = {"ibex": 1, "cv32e40p": 0}  # cycles until the RTL's clock gate opens
LEAST = 20_000  # cycles of its region within these, or it is left out
CHECKED = ("bigint_mul -O3", "cordic -O0", "foc_transform -O2", "rational_math -Oz", "vending_machine -Oz")
CHECK_CYCLES = (600, 1600)  # what the independent simulator records; these programs are in their regions by then


@dataclass(frozen=True)
class Program:
    """A linked kernel and its memory image."""

    kernel: str
    split: str
    level: str
    path: Path
    image: Path


def programs(platform: Platform, folder: Path) -> Iterator[Program]:
    """All kernels at all levels; what cannot be built is named and left out."""
    for kernel in kernels():
        for level in LEVELS:
            place = folder / f"{kernel.name}{level}"
            place.mkdir()
            try:
                path, _ = build(platform, ["clang-19", level], kernel.files(), place)
            except (CorpusError, PlatformError) as problem:
                print(f"{kernel.name} {level}: {problem}")
                continue
            image = place / "image"
            image.write_bytes(memory_image(path))
            yield Program(kernel.name, kernel.split, level, path, image)


def gate_runs(gates: GateSimulator, chosen: list[Program]) -> list[GateRun]:
    """Gate-level runs, kept by what runs and on what."""

    def make(out: Path) -> None:
        found: list[GateRun] = []
        for first in range(0, len(chosen), LANES):
            print(f"gate level: programs {first + 1} to {min(first + LANES, len(chosen))} of {len(chosen)}")
            found += gates.run([p.image for p in chosen[first : first + LANES]], CYCLES)
        (out / "runs.json").write_text(json.dumps([asdict(r) for r in found]))

    parts = [gates.executable().parent.name.encode(), repr((gates.constant, gates.unit, CYCLES)).encode()]
    folder = make_once("gate-runs", digest([*parts, *(contents(p.path).encode() for p in chosen)]), make)
    return [GateRun(**r) for r in json.loads((folder / "runs.json").read_text())]


def collect(gates: GateSimulator) -> list[Row]:
    """The calibration's data; raises `PlatformError` where gates and RTL do not agree on what happened."""
    platforms = [find_platform(name) for name in fit.PLATFORMS[gates.core]]
    for platform in platforms:
        platform.prepare(print)
    rows = []
    with tempfile.TemporaryDirectory(prefix="mlcomp-energy-") as folder:
        chosen = list(programs(platforms[0], Path(folder)))
        for program, run in zip(chosen, gate_runs(gates, chosen), strict=True):
            if run.region is None or run.region["cycles"] < LEAST:
                print(f"{program.kernel} {program.level}: left out, too little of its region within {CYCLES} cycles")
                continue
            counts = {}
            for platform in platforms:
                limits = Limits(CYCLES + LATER[gates.core])
                region = platform.run(program.path, limits, Size()).region or {}
                counts[platform.name] = {m.name: region[m.name] for m in platform.metrics if m.name != "energy"}
            for name in ("cycles", "loads", "stores", "fetches"):
                if counts[gates.core][name] != run.region[name]:
                    raise PlatformError(f"{program.kernel} {program.level}: gates and RTL count other {name}")
            measured = {
                "cycles": run.region["cycles"],
                "energy": run.region["energy"],
                "cut": float(run.end == "limit"),
            }
            rows.append(Row(program.kernel, program.split, program.level, measured, counts))
    return rows


def check_toggles(gates: GateSimulator) -> list[dict[str, Any]]:
    """Toggles of every net in both simulators, for a few programs; kept, as Icarus takes a minute for each."""
    platform = find_platform(gates.core)
    rows = []
    with tempfile.TemporaryDirectory(prefix="mlcomp-energy-") as folder:
        wanted = {k.name: k for k in kernels()}
        for name in CHECKED:
            kernel, level = name.split()
            path, _ = build(platform, ["clang-19", level], wanted[kernel].files(), Path(folder))
            image = Path(folder, "image")
            image.write_bytes(memory_image(path))

            def make(out: Path, name: str = name, image: Path = image) -> None:
                print(f"checking {name} in Icarus Verilog")
                theirs = check.icarus_toggles(gates.folder, top_of(gates.core), image, *CHECK_CYCLES)
                ours = gates.toggles(image, *CHECK_CYCLES)
                found = check.compare(gates.netlist, ours, theirs)
                exact = sum(e * t for e, t in zip(gates.energies, ours, strict=True))
                rounded = gates.unit * sum(w * t for w, t in zip(gates.weights, ours, strict=True))
                (out / "check.json").write_text(json.dumps({**found, "rounding": round(rounded / exact - 1, 6)}))

            parts = [gates.executable(count_nets=True).parent.name, contents(path), repr(CHECK_CYCLES)]
            kept = make_once("gate-check", digest([p.encode() for p in [*parts, check.BENCH.read_text()]]), make)
            rows.append({"program": name, **json.loads((kept / "check.json").read_text())})
    return rows


def toggles_of(core: str) -> list[str]:
    """Toggles that the core's RTL counts."""
    return [term for term in fit.TERMS[core] if term.endswith("_toggles")]


def disagreement(rows: list[Row], core: str, constant: float, beyond_clock: bool) -> dict[str, Any]:
    """The two levels of one kernel where toggles in RTL and energy at gate level differ most with opposite signs.

    With `beyond_clock`, the energy is that beyond clock and leakage, which no toggle counts.
    """
    best: dict[str, Any] = {}
    whole = [r for r in rows if not r.gates["cut"]]
    idle = 1e-3 * constant if beyond_clock else 0.0
    for a in whole:
        for b in whole:
            if a.kernel != b.kernel:
                continue
            toggles = [sum(r.counts[core][t] for t in toggles_of(core)) for r in (a, b)]
            energy = [r.gates["energy"] - idle * r.gates["cycles"] for r in (a, b)]
            change = (toggles[1] / toggles[0] - 1, energy[1] / energy[0] - 1)
            strength = min(-change[0], change[1])
            if strength > best.get("strength", 0):
                best = {
                    "program": a.kernel,
                    "levels": [a.level, b.level],
                    "strength": strength,
                    "toggles": toggles,
                    "energy_nJ": [round(e, 1) for e in energy],
                    "cycles": [r.gates["cycles"] for r in (a, b)],
                    "toggles_change": round(change[0], 4),
                    "energy_change": round(change[1], 4),
                    "toggles_by_signal": {t: [r.counts[core][t] for r in (a, b)] for t in toggles_of(core)},
                }
    return {k: v for k, v in best.items() if k != "strength"}


def share_errors(rows: list[Row], platform: str, constant: float) -> dict[str, float]:
    """A model's errors against the energy beyond clock and leakage, in which programs of equal length differ."""
    model = fit.fit_core(rows, platform)
    known = np.array([r.split != "test" for r in rows])
    energy = fit.core_energy(rows, platform)
    rest = energy - constant * np.array([r.counts[platform]["cycles"] for r in rows])
    left_out = np.abs(model.left_out * energy[known] / rest[known])
    test = np.abs(model.test * energy[~known] / rest[~known])
    return {"left_out_mean": round(float(left_out.mean()), 5), "test_mean": round(float(test.mean()), 5)}


def baselines(rows: list[Row], core: str) -> dict[str, dict[str, float]]:
    """What simpler models of the RTL's counts would reach."""
    y = fit.core_energy(rows, core)
    cycles = fit.counts_of(rows, core, ["cycles"])
    chosen = {"cycles": cycles}
    if toggles_of(core):
        toggles = fit.counts_of(rows, core, toggles_of(core)).sum(axis=1, keepdims=True)
        chosen |= {"unweighted toggles": toggles, "cycles and unweighted toggles": np.hstack([cycles, toggles])}
    return {name: fit.fit(rows, X, y, [str(i) for i in range(X.shape[1])]).error for name, X in chosen.items()}


def results(rows: list[Row], gates: GateSimulator) -> dict[str, Any]:
    """All that benchmarks/results/energy.json says."""
    models = {}
    core = gates.core
    for platform in fit.PLATFORMS[core]:
        model = fit.fit_core(rows, platform)
        models[platform] = {
            "coefficients_pJ": model.coefficients,
            "error": model.error,
            "error_beyond_clock": share_errors(rows, platform, gates.constant),
        }
    per_cycle = [1e3 * r.gates["energy"] / r.gates["cycles"] for r in rows]
    found = {
        "command": f"python benchmarks/energy.py --core {core} --out benchmarks/results/energy-{core}.json",
        "core": core,
        "netlist": gates.describe(),
        "programs": {
            split: {"kernels": len({r.kernel for r in rows if r.split == split}), "programs": len(chosen)}
            for split in ("train", "validation", "test")
            if (chosen := [r for r in rows if r.split == split])
        },
        "levels": LEVELS,
        "cycles_limit": CYCLES,
        "cycles_simulated": int(sum(r.gates["cycles"] for r in rows)),
        "core_pJ_per_cycle": {
            "least": round(min(per_cycle), 1),
            "mean": round(float(np.mean(per_cycle)), 1),
            "most": round(max(per_cycle), 1),
            "clock_and_leakage": round(gates.constant, 1),
        },
        "check": check_toggles(gates),
        "models": models,
        "baselines": baselines(rows, core),
    }
    if any("fetches" not in fit.TERMS[platform] for platform in fit.PLATFORMS[core]):
        found["fetches_error"] = fit.fit_fetches(rows).error
    if toggles_of(core):
        found["disagreement"] = disagreement(rows, core, gates.constant, beyond_clock=False)
        found["disagreement_beyond_clock"] = disagreement(rows, core, gates.constant, beyond_clock=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--core", choices=list(CORES), default="ibex")
    parser.add_argument("--out", type=Path, required=True, help="where the results go")
    parser.add_argument("--refit", action="store_true", help="take the committed data, do not simulate programs again")
    arguments = parser.parse_args()
    gates = GateSimulator(arguments.core, print)
    places = {core: FOLDER / data_of(core).name for core in CORES}
    if not arguments.refit:
        write_rows(places[gates.core], collect(gates))
    data = {core: read_rows(place) for core, place in places.items() if place.exists()}
    (FOLDER / TABLE.name).write_text(fit.table(data))
    arguments.out.write_text(json.dumps(results(data[gates.core], gates), indent=1) + "\n")


if __name__ == "__main__":
    main()
