"""The gate-level simulator of a core: built once into the cache folder, then run on many programs at a time."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mlcomp.platforms.energy.liberty import read_cells
from mlcomp.platforms.energy.netlist import Assumptions, Netlist, generate, weights
from mlcomp.platforms.energy.synthesis import LIBERTY, netlist, top_of
from mlcomp.platforms.measurement import Counts
from mlcomp.platforms.platform import HERE, Report, digest, execute, find_program, make_once

LANES = 512
SOURCES = [HERE / "energy" / "gate_bench.cpp", HERE / "energy" / "gate_netlist.h", HERE / "simulators" / "machine.h"]
FLAGS = ["-O2", "-march=native", "-std=c++17", "-fno-exceptions", f"-I{HERE / 'energy'}", f"-I{HERE / 'simulators'}"]


@dataclass(frozen=True)
class GateRun:
    """One program on gates: how it ended, and counts of main and of the region; `energy` in nJ, clock included."""

    end: str
    code: int
    main: Counts
    region: Counts | None


class GateSimulator:
    """The netlist of a core, one of `synthesis.CORES`, with its energies, and simulators made of it."""

    def __init__(self, core: str, report: Report = lambda _: None, assume: Assumptions | None = None) -> None:
        self.assume = assume or Assumptions()
        self.core = core
        self.folder = netlist(core, report)
        cells, self.voltage = read_cells(LIBERTY)
        self.netlist = Netlist(self.folder / "netlist.json", top_of(core), cells)
        self.energies = self.netlist.energies(self.voltage, self.assume)
        self.weights, self.unit = weights(self.energies)
        self.clock = self.netlist.clock_energy(self.voltage, self.assume)
        self.leakage = self.netlist.leakage_energy(self.assume)
        self.report = report

    @property
    def constant(self) -> float:
        """Energy in pJ that each cycle takes whatever happens: clock and leakage."""
        return sum(self.clock.values()) + self.leakage

    def describe(self) -> dict[str, object]:
        """The netlist and its energies in a few figures."""
        n = self.netlist
        return {
            "cells": sum(n.instances.values()),
            "flip_flops": len(n.flops),
            "area_um2": round(n.area()),
            "clock_pJ": {k: round(v, 2) for k, v in self.clock.items()},
            "leakage_pJ": round(self.leakage, 6),
            "voltage": self.voltage,
            "assumptions": asdict(self.assume),
        }

    @functools.cache  # noqa: B019
    def executable(self, count_nets: bool = False) -> Path:
        """The simulator; with `count_nets` the one that counts each net's toggles."""
        source = generate(self.netlist, self.weights)
        lanes = 64 if count_nets else LANES
        flags = [*FLAGS, f"-DLANES={lanes}", *(["-DCOUNT_NETS"] if count_nets else [])]

        def make(out: Path) -> None:
            self.report(f"{self.core}: compiling the simulator of its gates")
            (out / "gates.cpp").write_text(source)
            execute([find_program("g++"), *flags, SOURCES[0], out / "gates.cpp", "-o", out / "simulator"], "gates")

        parts = [source.encode(), " ".join(flags).encode(), *(s.read_bytes() for s in SOURCES)]
        return make_once("gate-simulator", digest(parts), make) / "simulator"

    def _counts(self, counts: Counts) -> Counts:
        picojoules = counts["energy"] * self.unit + counts["cycles"] * self.constant
        return {**counts, "energy": picojoules * 1e-3}

    def run(self, images: Sequence[Path], cycles: int) -> list[GateRun]:
        """Runs programs, given as images of the memory, for at most so many cycles; at most `LANES` of them."""
        with tempfile.TemporaryDirectory(prefix="mlcomp-gates-") as scratch:
            reports = [Path(scratch, str(i)) for i in range(len(images))]
            words = [str(word) for pair in zip(images, reports, strict=True) for word in pair]
            execute([self.executable(), str(cycles), *words], "gates")
            runs = []
            for report in reports:
                line = json.loads(report.read_bytes().partition(b"\n")[0])
                region = self._counts(line["region"]) if "region" in line else None
                runs.append(GateRun(line["end"], line["code"], self._counts(line["main"]), region))
        return runs

    def toggles(self, image: Path, begin: int, end: int) -> list[int]:
        """Toggles of each net from cycle `begin` to cycle `end` of a program, shape (nets,)."""
        with tempfile.TemporaryDirectory(prefix="mlcomp-gates-") as scratch:
            out = Path(scratch, "toggles")
            words: list[str | Path] = [str(end), image, Path(scratch, "report"), str(begin), out]
            execute([self.executable(count_nets=True), *words], "gates")
            return [int(line) for line in out.read_text().split()]
