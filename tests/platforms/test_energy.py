"""Energy: the gate-level simulator on a netlist small enough to follow, the data, the models made of it, their use."""

from __future__ import annotations

import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import Run

from mlcomp.cli.measure import measure
from mlcomp.platforms.energy.check import vcd_toggles
from mlcomp.platforms.energy.fit import PLATFORMS, TERMS, table
from mlcomp.platforms.energy.liberty import Cell, c_expression, parse, read_cells
from mlcomp.platforms.energy.model import TABLE, energy_models
from mlcomp.platforms.energy.netlist import Assumptions, Netlist, generate, weights
from mlcomp.platforms.energy.table import data_of, read_rows, write_rows
from mlcomp.platforms.platform import HERE, find_platform

LIBRARY = """
/* three cells */
library(tiny) {
  nom_voltage : 2.0; capacitive_load_unit (1,pf);
  cell (XOR) { area : 4; cell_leakage_power : 0.5;
    pin(A) { direction : input; capacitance : 0.010; } pin(B) { direction : input; capacitance : 0.012; }
    pin(Y) { direction : output; capacitance : 0; function : "(A^B)";
      internal_power() { related_pin : "A";
        rise_power(t) { index_1 ("0, 0.1"); index_2 ("0, 1"); values ("0.01, 0.01", \\
          "0.03, 0.03"); }
        fall_power(t) { index_1 ("0, 0.1"); index_2 ("0, 1"); values ("0.03, 0.03", "0.05, 0.05"); } } } }
  cell (NAND) { area : 2;
    pin(A) { direction : input; capacitance : 0.008; } pin(B) { direction : input; capacitance : 0.008; }
    pin(Y) { direction : output; capacitance : 0; function : "(!(A B))"; } }
  cell (CLKBUF1) { area : 3;
    pin(A) { direction : input; capacitance : 0.02; } pin(Y) { direction : output; capacitance : 0; function : "A"; } }
  cell (FLOP) { area : 9; cell_leakage_power : 1;
    ff (IQ,IQN) { next_state : "D"; clocked_on : "CK"; clear : "(!R)"; }
    pin(CK) { direction : input; capacitance : 0.005;
      internal_power() { rise_power(p) { index_1 ("0, 1"); values ("0.02, 0.02"); }
        fall_power(p) { index_1 ("0, 1"); values ("0.04, 0.04"); } } }
    pin(D) { direction : input; capacitance : 0.004; } pin(R) { direction : input; capacitance : 0.001; }
    pin(Q) { direction : output; capacitance : 0; function : "IQ"; } }
}
"""
CLOCK, RESET, DATA, X, Y, Q = range(2, 8)
# q <= reset & x, x = data ^ q, y = !(data & q)
CIRCUIT = [
    ("FLOP", {"CK": CLOCK, "D": X, "R": RESET, "Q": Q}),
    ("NAND", {"A": DATA, "B": Q, "Y": Y}),
    ("XOR", {"A": DATA, "B": Q, "Y": X}),
]
WIRE = Assumptions(wire=0.002)
MAIN = """
#include "gate_netlist.h"
#include <cstdio>
#include <cstdlib>
namespace gates { extern const int In_reset[], In_data[], Out_y[]; }
using namespace gates;
int main(int Count, char **Arguments) {
  reset();
  for (int Cycle = 1; Cycle != Count; ++Cycle) {
    Input[*In_reset] = Cycle > 2 ? ~Word{} : Word{};
    Input[*In_data][0] = strtoull(Arguments[Cycle], nullptr, 16);
    settle();
    latch();
  }
  for (int Lane = 0; Lane != 64; ++Lane) {
    uint64_t Sum = 0;
    for (unsigned I = 0; I != AccumulatorBits; ++I)
      Sum |= (uint64_t(Accumulator[I][0]) >> Lane & 1) << I;
    printf("%llu %d\\n", (unsigned long long)Sum, int(Net[*Out_y][0] >> Lane & 1));
  }
}
"""


def netlist_of(folder: Path, circuit: list[tuple[str, dict[str, Any]]]) -> Netlist:
    cells = library(folder)
    ports = {"clock": ("input", CLOCK), "reset": ("input", RESET), "data": ("input", DATA), "y": ("output", Y)}
    module = {
        "ports": {n: {"direction": d, "bits": [b]} for n, (d, b) in ports.items()},
        "cells": {
            str(i): {"type": k, "connections": {p: [b] for p, b in c.items()}} for i, (k, c) in enumerate(circuit)
        },
        "netnames": {},
    }
    path = folder / "netlist.json"
    path.write_text(json.dumps({"modules": {"tiny": module}}))
    return Netlist(path, "tiny", cells, clock="clock")


def library(folder: Path) -> dict[str, Cell]:
    path = folder / "tiny.lib"
    path.write_text(LIBRARY)
    cells, voltage = read_cells(path)
    assert voltage == 2.0
    return cells


def test_a_toggle_costs_half_the_load_and_what_the_cell_needs(tmp_path: Path) -> None:
    netlist = netlist_of(tmp_path, CIRCUIT)
    energies = netlist.energies(2.0, WIRE)
    nets = {"reset": netlist.inputs["reset"][0], "data": netlist.inputs["data"][0], "y": netlist.outputs["y"][0]}
    nets |= {"x": netlist.flops[0].inputs["D"], "q": netlist.flops[0].output}
    by_net = {name: energies[net] for name, net in nets.items()}
    assert by_net["reset"] == pytest.approx(0.5 * 4 * (0.001 + 0.002))
    assert by_net["data"] == by_net["q"] + 0.5 * 4 * (0.010 - 0.012) == pytest.approx(0.5 * 4 * (0.018 + 0.004))
    # inside the exclusive or: mean of 0.01 and 0.03 without load, and 0.2 pJ more for each pF
    assert by_net["x"] == pytest.approx(0.5 * 4 * 0.006 + 0.02 + 0.2 * 0.006)
    assert by_net["y"] == 0
    clock = netlist.clock_energy(2.0, WIRE)
    assert clock == pytest.approx({"flip_flops": 4 * 0.007 + 0.06, "tree": 0.0})
    assert netlist.leakage_energy(WIRE) == pytest.approx(1.5 * 20e-6)


def test_gate_simulator_adds_up_what_each_lane_toggles(tmp_path: Path) -> None:
    netlist = netlist_of(tmp_path, CIRCUIT)
    weight, unit = weights(netlist.energies(2.0, WIRE))
    assert [w * unit for w in weight] == pytest.approx(netlist.energies(2.0, WIRE), abs=unit / 2)
    (tmp_path / "gates.cpp").write_text(generate(netlist, weight))
    (tmp_path / "main.cpp").write_text(MAIN)
    command = ["g++", "-O1", "-std=c++17", "-DLANES=64", f"-I{HERE / 'energy'}", "-o", "run", "gates.cpp", "main.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)
    chance = random.Random(1)
    words = [chance.getrandbits(64) for _ in range(300)]
    output = subprocess.run([tmp_path / "run", *(f"{w:x}" for w in words)], capture_output=True, check=True).stdout
    nets = [netlist.inputs["reset"][0], netlist.inputs["data"][0], netlist.outputs["y"][0]]
    nets += [netlist.flops[0].inputs["D"], netlist.flops[0].output]
    for lane, line in enumerate(output.decode().splitlines()):
        total, q, old = 0, 0, [0] * 5
        for cycle, word in enumerate(words, 1):
            reset, data = int(cycle > 2), word >> lane & 1
            new = [reset, data, 1 - (data & q), data ^ q, q]
            total += sum(weight[n] for n, a, b in zip(nets, old, new, strict=True) if a != b)
            q, old = reset & new[3], new
        assert line == f"{total} {old[2]}"


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        ([*CIRCUIT, ("LUT4", {"A": DATA, "Y": 9})], "a cell 'LUT4'"),
        ([("NAND", {"A": Y, "B": DATA, "Y": X}), ("NAND", {"A": X, "B": DATA, "Y": Y})], "loop"),
        ([("FLOP", {"CK": DATA, "D": X, "R": RESET, "Q": Q})], "not clocked by the clock"),
    ],
)
def test_netlists_that_would_be_simulated_wrongly_are_refused(
    circuit: list[tuple[str, dict[str, Any]]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        netlist_of(tmp_path, circuit)


@pytest.mark.parametrize(
    ("function", "expression"),
    [
        ("(!(A B))", "(~(A&B))"),
        ("(((A B)+(B C))+(C A))", "(((A&B)|(B&C))|(C&A))"),
        ("(!((S A)+(!S B)))", "(~((S&A)|(~S&B)))"),
        ("A' * B", "~A&B"),
        ("A", "A"),
    ],
)
def test_liberty_functions_become_c(function: str, expression: str) -> None:
    assert c_expression(function) == expression


def test_liberty_is_parsed_with_comments_and_continued_lines() -> None:
    cell = parse(LIBRARY).all("cell")[0]
    assert (cell.argument, cell.attributes["area"]) == ("XOR", "4")
    assert cell.all("pin")[2].attributes["function"] == "(A^B)"


def test_value_changes_are_counted_bit_by_bit() -> None:
    dump = ["$var wire 1 ! a $end", '$var wire 3 " b [2:0] $end', "$var wire 1 ! alias $end", "#0", "$dumpvars"]
    dump += ["0!", 'bx "', "$end", "#1", "1!", 'b101 "', "#2", "0!", 'b0 "', "#3", "x!", 'b100 "', "#4", "1!"]
    assert vcd_toggles(dump) == {"a": [2], "alias": [2], "b": [1, 0, 2]}


def test_the_model_is_what_the_data_gives() -> None:
    assert table({core: read_rows(data_of(core)) for core in PLATFORMS}) == TABLE.read_text()


@pytest.mark.parametrize("core", list(PLATFORMS))
def test_the_data_are_written_as_they_are_read(core: str, tmp_path: Path) -> None:
    rows = read_rows(data_of(core))
    write_rows(tmp_path / "rows", rows)
    assert read_rows(tmp_path / "rows") == rows
    assert {r.split for r in rows} == {"train", "validation", "test"}
    assert len({(r.kernel, r.level) for r in rows}) == len(rows) > 250


@pytest.mark.parametrize("name", list(TERMS))
def test_models_are_non_negative_and_close_on_programs_they_have_not_seen(name: str) -> None:
    model = energy_models()[name]
    assert all(value > 0 for value in (*model.core.values(), *model.memory.values()))
    assert max(model.error["left_out_mean"], model.error["test_mean"]) < 0.03
    assert max(model.error["left_out_max"], model.error["test_max"]) < 0.15


@pytest.mark.parametrize("name", list(TERMS))
def test_energy_is_reported_with_its_error(name: str, run: Run) -> None:
    platform = find_platform(name)
    platform.prepare()
    result = run(platform, "behaviour.c", "-DCASE=0", "-DROUNDS=500")
    metric = next(m for m in platform.metrics if m.name == "energy")
    assert (metric.unit, metric.source, metric.error) == (
        "nJ",
        "modelled",
        energy_models()[name].error["left_out_mean"],
    )
    assert result.region is not None
    assert 0.5 < result.region["energy"] / result.region["cycles"] < 1.5  # nJ
    assert result.main["energy"] > result.region["energy"]


def test_a_measurement_kept_before_the_model_changed_gets_the_energy_of_now(run: Run) -> None:
    platform = find_platform("ibex-fast")
    platform.prepare()
    result = run(platform, "behaviour.c", "-DCASE=0", "-DROUNDS=500")
    assert platform.complete(replace(result, main={**result.main, "energy": 1.0})) == result
    nothing = {n: v for n, v in result.main.items() if n != "energy"}
    assert platform.complete(replace(result, main=nothing)) == result


def test_both_platforms_agree_on_energy(run: Run) -> None:
    energies = []
    for name in PLATFORMS["ibex"]:
        platform = find_platform(name)
        platform.prepare()
        result = run(platform, "behaviour.c", "-DCASE=0", "-DROUNDS=500", level="-O2")
        assert result.region is not None
        energies.append(result.region["energy"])
    assert energies[1] == pytest.approx(energies[0], rel=0.1)


def test_list_names_the_error_of_energy() -> None:
    listed = json.loads(CliRunner().invoke(measure, ["--list", "--json"]).output)
    assert listed["ibex"]["metrics"]["energy"].keys() == {"unit", "source", "error"}
    assert "energy" not in listed["ibex-wb"]["metrics"]
