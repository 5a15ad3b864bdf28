"""A netlist of standard cells as a C++ simulator: many programs at once, one bit each, with what their toggles cost.

In goes the JSON that yosys writes, and cells of a Liberty file; out comes C++ for `gate_bench.cpp`. A cycle is settled
without delays: every net takes its final value at once, so glitches are not counted. A toggle of a net has an energy
(`Netlist.energies`), rounded to a whole number of units; a tree of carry-save adders adds them up for all lanes.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcomp.platforms.energy.liberty import Cell, c_expression

WEIGHT_BITS = 7  # of most nets' energies in units; more where a net is heavy, which costs time
HEAVY = 0.98  # the part of the nets for which they are enough
ACCUMULATOR_BITS = 56
CHUNK = 300  # statements a function, so that the compiler has short ones
CLOCK_BUFFER = "CLKBUF1"


@dataclass(frozen=True)
class Assumptions:
    """What the library does not say."""

    wire: float = 0.006  # pF for each pin that a net drives: 40 um at 0.15 fF/um
    slew: float = 0.18  # ns, input transition of every cell
    clock_fanout: int = 16  # pins that a buffer of the clock tree drives
    period: float = 20.0  # ns; leakage is power, and needs a time


@dataclass(frozen=True)
class Gate:
    """A cell's output as a function of nets; a flip-flop's output takes that value at the clock's edge."""

    cell: str
    output: int
    function: str  # in C, over pin names
    inputs: dict[str, int]  # pin -> net


class Netlist:
    """The module `top` of a netlist, flat, with one clock.

    Nets are numbered from 2; 0 and 1 are the constants.
    """

    def __init__(self, path: Path, top: str, cells: dict[str, Cell], clock: str = "clk_i") -> None:
        module: dict[str, Any] = json.loads(path.read_text())["modules"][top]
        self.cells = cells
        self._numbers: dict[int | str, int] = {"0": 0, "1": 1, "x": 0}
        self.clock = module["ports"][clock]["bits"][0]
        self.inputs: dict[str, list[int]] = {}
        self.outputs: dict[str, list[int]] = {}
        for name, port in module["ports"].items():
            if name != clock:
                side = self.inputs if port["direction"] == "input" else self.outputs
                side[name] = [self._net(b) for b in port["bits"]]
        self.flops: list[Gate] = []
        gates: list[Gate] = []
        self.load: dict[int, list[tuple[str, str]]] = defaultdict(list)  # net -> pins that it drives
        self.instances: Counter[str] = Counter()
        for instance in module["cells"].values():
            self._add(instance["type"], {p: b[0] for p, b in instance["connections"].items()}, gates)
        self.gates = _in_order(gates)
        self.names = {name: [self._numbers.get(b, -1) for b in net["bits"]] for name, net in module["netnames"].items()}

    def _net(self, bit: int | str) -> int:
        return self._numbers.setdefault(bit, len(self._numbers) - 1)

    def _add(self, kind: str, connections: dict[str, int | str], gates: list[Gate]) -> None:
        if kind not in self.cells:
            raise ValueError(f"the netlist has a cell '{kind}' that the library does not have")
        cell = self.cells[kind]
        self.instances[kind] += 1
        nets = {p: self._net(b) for p, b in connections.items() if b != self.clock}
        inputs = {p: n for p, n in nets.items() if not cell.pins[p].output}
        for pin, net in inputs.items():
            self.load[net].append((kind, pin))
        for pin, net in nets.items():
            if not cell.pins[pin].output:
                continue
            function = c_expression(cell.pins[pin].function)
            if cell.state is None:
                gates.append(Gate(kind, net, function, inputs))
                continue
            state = cell.state["names"].split(",")[0]
            clock = cell.state["clocked_on"]
            if function != state or connections.get(clock) != self.clock:
                raise ValueError(f"a flip-flop '{kind}' that is not clocked by the clock's rise alone")
            value = c_expression(cell.state["next_state"])
            if "preset" in cell.state:
                value = f"({value}|{c_expression(cell.state['preset'])})"
            if "clear" in cell.state:
                value = f"({value}&~{c_expression(cell.state['clear'])})"
            self.flops.append(Gate(kind, net, value, inputs))

    @property
    def size(self) -> int:
        """Number of nets, constants included."""
        return len(self._numbers) - 1

    def energies(self, voltage: float, assume: Assumptions) -> list[float]:
        """Energy in pJ of one toggle of each net, shape (size,).

        Half of C V^2 for the pins and wires that the net drives, what its driver needs inside, and what input pins of
        flip-flops need inside. Rise and fall are averaged: a net does as many of one as of the other.
        """
        energies = [0.0] * self.size
        capacitance = [0.0] * self.size
        for net, pins in self.load.items():
            capacitance[net] = sum(self.cells[kind].pins[pin].capacitance + assume.wire for kind, pin in pins)
            energies[net] = 0.5 * capacitance[net] * voltage**2
            energies[net] += sum(self.cells[kind].pins[pin].energy(0, assume.slew) for kind, pin in pins)
        for source in (*self.gates, *self.flops):
            pins_of = self.cells[source.cell].pins
            driver = next(p for p in pins_of.values() if p.output)
            energies[source.output] += driver.energy(capacitance[source.output], assume.slew)
        return energies

    def clock_energy(self, voltage: float, assume: Assumptions) -> dict[str, float]:
        """Energy in pJ of each cycle's clock: at the flip-flops' pins, and in the tree of buffers before them."""
        pins = [self.cells[f.cell].pins[(self.cells[f.cell].state or {})["clocked_on"]] for f in self.flops]
        load = sum(p.capacitance + assume.wire for p in pins)
        flops = load * voltage**2 + sum(2 * p.energy(0, assume.slew) for p in pins)
        tree, sinks, mean = 0.0, len(pins), load / len(pins)
        buffer = self.cells[CLOCK_BUFFER].pins
        while sinks > 1:  # level by level towards the root
            buffers = math.ceil(sinks / assume.clock_fanout)
            inside = 2 * buffer["Y"].energy(mean * assume.clock_fanout, assume.slew)
            mean = buffer["A"].capacitance + assume.wire
            tree += buffers * (mean * voltage**2 + inside)
            sinks = buffers
        return {"flip_flops": flops, "tree": tree}

    def leakage_energy(self, assume: Assumptions) -> float:
        """Energy in pJ that leaks each cycle."""
        nanowatts = sum(self.cells[kind].leakage * count for kind, count in self.instances.items())
        return nanowatts * assume.period * 1e-6

    def area(self) -> float:
        """Area of all cells, um2."""
        return sum(self.cells[kind].area * count for kind, count in self.instances.items())


def _in_order(gates: list[Gate]) -> list[Gate]:
    """Gates behind those that drive their inputs; raises `ValueError` if there is a loop."""
    driver = {g.output: g for g in gates}
    order: list[Gate] = []
    state: dict[int, bool] = {}  # of a net: whether its gate is placed, or is waiting for its inputs
    for first in driver:
        stack = [first]
        while stack:
            net = stack[-1]
            if state.get(net):
                stack.pop()
                continue
            missing = [n for n in driver[net].inputs.values() if n in driver and not state.get(n)]
            if not missing:
                state[net] = True
                order.append(driver[net])
                stack.pop()
            elif net in state:
                raise ValueError("the netlist has a combinational loop")
            else:
                state[net] = False
                stack += missing
    return order


def weights(energies: list[float]) -> tuple[list[int], float]:
    """Energies as whole numbers of a unit, and the unit in pJ."""
    used = sorted(e for e in energies if e > 0)
    unit = used[min(int(HEAVY * len(used)), len(used) - 1)] / ((1 << WEIGHT_BITS) - 1)
    return [round(e / unit) for e in energies], unit


class _Adder:
    """Carry-save adders that add up words of one bit a lane, each with a weight."""

    def __init__(self) -> None:
        self.pending: dict[int, list[int]] = defaultdict(list)  # column -> temporaries that wait
        self.free: list[int] = []
        self.temporaries = 0

    def _allocate(self) -> int:
        if not self.free:
            self.free.append(self.temporaries)
            self.temporaries += 1
        return self.free.pop()

    def _push(self, column: int, slot: int, out: list[str]) -> None:
        waiting = self.pending[column]
        waiting.append(slot)
        if len(waiting) == 3:
            a, b, c = waiting
            total, carry = self._allocate(), self._allocate()
            out.append(f"ADD({a}, {b}, {c}, {total}, {carry})")
            self.free += waiting
            self.pending[column] = [total]
            self._push(column + 1, carry, out)

    def add(self, weight: int) -> str:
        """The statements that add the word X, `weight` times."""
        out: list[str] = []
        for column in range(weight.bit_length()):
            if weight >> column & 1:
                slot = self._allocate()
                out.append(f"T[{slot}] = X;")
                self._push(column, slot, out)
        return " ".join(out)


HEAD = """\
// Generated by mlcomp.platforms.energy.netlist.
#include "gate_netlist.h"
namespace gates {{
Word Net[{size}], Input[{inputs}], Accumulator[AccumulatorBits];
static Word Next[{flops}];
#ifdef COUNT_NETS
uint64_t Toggles[{size}];
#define TOGGLED(Index, ...) Toggles[Index] += X[0] & 1;
#else
static Word T[{temporaries}];
#define TOGGLED(Index, ...) __VA_ARGS__
#endif
#define ADD(A, B, C, Sum, Carry) \\
  {{ Word Y = T[A] ^ T[B], Z = T[C], W = T[A] & T[B]; T[Sum] = Y ^ Z; T[Carry] = W | (Y & Z); }}
"""
FOOT = """\
void reset() {{ Net[1] = ~Word{{}}; }}
void latch() {{ {latch} }}
void settle() {{
  {settle}
#ifndef COUNT_NETS
  {rest}
#endif
}}
}} // namespace gates
"""


def _functions(name: str, statements: list[str]) -> tuple[str, str]:
    """Statements in functions of `CHUNK` each, and the calls of these."""
    text, calls = "", ""
    for number, first in enumerate(range(0, len(statements), CHUNK)):
        body = "\n  ".join(statements[first : first + CHUNK])
        text += f"static __attribute__((noinline)) void {name}{number}() {{\n  {body}\n}}\n"
        calls += f"{name}{number}(); "
    return text, calls


def _over_nets(function: str, inputs: dict[str, int]) -> str:
    return re.sub(r"[A-Za-z_]\w*", lambda pin: f"Net[{inputs[pin[0]]}]", function)


def generate(netlist: Netlist, weight: list[int]) -> str:
    """C++ that simulates a netlist; `weight` says what a toggle of each net adds, shape (size,).

    It offers what `gate_netlist.h` declares. With COUNT_NETS defined it counts the toggles of each net in the first
    lane instead.
    """
    adder = _Adder()

    def toggle(net: int, value: str) -> str:
        return f"{{ Word N = {value}, X = N ^ Net[{net}]; Net[{net}] = N; TOGGLED({net}, {adder.add(weight[net])}) }}"

    inputs = [n for nets in netlist.inputs.values() for n in nets]
    latch = [f"Next[{i}] = {_over_nets(f.function, f.inputs)};" for i, f in enumerate(netlist.flops)]
    settle = [toggle(net, f"Input[{i}]") for i, net in enumerate(inputs)]
    settle += [toggle(f.output, f"Next[{i}]") for i, f in enumerate(netlist.flops)]
    settle += [toggle(g.output, _over_nets(g.function, g.inputs)) for g in netlist.gates]
    rest = " ".join(f"accumulate(T[{s}], {c});" for c, slots in sorted(adder.pending.items()) for s in slots)

    text = HEAD.format(
        size=netlist.size,
        inputs=len(inputs),
        flops=max(1, len(netlist.flops)),
        temporaries=max(1, adder.temporaries),
    )
    for name, nets in netlist.inputs.items():
        text += f"extern const int In_{name}[] = {{{', '.join(str(inputs.index(n)) for n in nets)}}};\n"
    for name, nets in netlist.outputs.items():
        text += f"extern const int Out_{name}[] = {{{', '.join(map(str, nets))}}};\n"
    text += f"extern const unsigned NetCount = {netlist.size};\n"
    latch_text, latch_calls = _functions("latch", latch)
    settle_text, settle_calls = _functions("settle", settle)
    return text + latch_text + settle_text + FOOT.format(latch=latch_calls, settle=settle_calls, rest=rest)
