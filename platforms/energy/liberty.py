"""What a Liberty file says about its cells: functions, pin capacitances, energy inside the cell, leakage."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}();:]|[^\s{}();:"]+')
COMMENT = re.compile(r"/\*.*?\*/|\\\n", re.S)


@dataclass
class Group:
    """A group of a Liberty file: `kind (argument) { attributes, groups }`."""

    kind: str
    argument: str
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, kind: str) -> list[Group]:
        """The groups in this one of a kind."""
        return [g for g in self.groups if g.kind == kind]


def parse(text: str) -> Group:
    """The outermost group of a Liberty file."""
    tokens = TOKEN.findall(COMMENT.sub(" ", text))
    root = Group("", "")
    stack, at = [root], 0
    while at < len(tokens):
        name = tokens[at]
        if name == "}":
            stack.pop()
            at += 1
        elif name == ";":
            at += 1
        elif tokens[at + 1] == ":":
            end = tokens.index(";", at)
            stack[-1].attributes[name] = " ".join(tokens[at + 2 : end]).strip('"')
            at = end + 1
        else:  # name ( arguments ), and a body if it is a group
            end = tokens.index(")", at)
            argument = " ".join(tokens[at + 2 : end])
            if end + 1 < len(tokens) and tokens[end + 1] == "{":
                group = Group(name, argument)
                stack[-1].groups.append(group)
                stack.append(group)
                at = end + 2
            else:
                stack[-1].attributes[name] = argument
                at = end + 1
    return root.groups[0]


def _numbers(text: str) -> list[float]:
    return [float(word) for word in re.findall(r"[-+.\deE]+", text)]


def _at(axis: list[float], value: float) -> tuple[int, float]:
    """Where a value is on an axis, held at its ends: the index below it and the part of the step beyond."""
    value = min(max(value, axis[0]), axis[-1])
    low = min(bisect_right(axis, value) - 1, len(axis) - 2)
    return low, (value - axis[low]) / (axis[low + 1] - axis[low])


@dataclass(frozen=True)
class Table:
    """Energy in pJ by load (pF) and input transition (ns), or by the transition alone."""

    load: list[float]  # empty if the energy does not depend on it
    slew: list[float]
    values: list[float]  # one row a load

    def look_up(self, load: float, slew: float) -> float:
        """Interpolated linearly; outside its axes a table gives what its border has."""
        column, c = _at(self.slew, slew)

        def row(number: int) -> float:
            first = number * len(self.slew) + column
            return (1 - c) * self.values[first] + c * self.values[first + 1]

        if not self.load:
            return row(0)
        number, r = _at(self.load, load)
        return (1 - r) * row(number) + r * row(number + 1)


def _table(group: Group) -> Table:
    first, second = (_numbers(group.attributes.get(f"index_{n}", "")) for n in (1, 2))
    values = _numbers(group.attributes["values"])
    return Table(first, second, values) if second else Table([], first, values)


@dataclass(frozen=True)
class Pin:
    """`function` is that of an output, in terms of input pins or of the flip-flop's state."""

    name: str
    output: bool
    capacitance: float  # pF
    function: str
    power: tuple[tuple[Table, Table], ...]  # rise and fall, for each input that can make the pin toggle

    def energy(self, load: float, slew: float) -> float:
        """Energy in pJ inside the cell for one toggle, the mean of rise and fall and over the inputs."""
        both = [0.5 * (rise.look_up(load, slew) + fall.look_up(load, slew)) for rise, fall in self.power]
        return sum(both) / len(both) if both else 0.0


@dataclass(frozen=True)
class Cell:
    """`state` has the flip-flop's `next_state`, `clocked_on`, `clear`, `preset`, and its two `names`."""

    name: str
    area: float  # um2
    leakage: float  # nW
    pins: dict[str, Pin]
    state: dict[str, str] | None


def _pin(group: Group) -> Pin:
    power = []
    for entry in group.all("internal_power"):
        tables = {g.kind: _table(g) for g in entry.groups}
        if {"rise_power", "fall_power"} <= tables.keys():
            power.append((tables["rise_power"], tables["fall_power"]))
    a = group.attributes
    return Pin(group.argument, a["direction"] == "output", float(a["capacitance"]), a.get("function", ""), tuple(power))


def read_cells(path: Path) -> tuple[dict[str, Cell], float]:
    """The cells of a Liberty file by name, and its supply voltage in V.

    Capacitances must be in pF; energies are then in pJ, leakage in nW.
    """
    library = parse(path.read_text())
    if library.attributes["capacitive_load_unit"].replace(" ", "") != "1,pf":
        raise ValueError(f"{path}: capacitances are not in pF")
    cells = {}
    for group in library.all("cell"):
        state = None
        if flops := group.all("ff"):
            state = {**flops[0].attributes, "names": flops[0].argument}
        a = group.attributes
        pins = {p.argument: _pin(p) for p in group.all("pin")}
        leakage = float(a.get("cell_leakage_power", 0))
        cells[group.argument] = Cell(group.argument, float(a["area"]), leakage, pins, state)
    return cells, float(library.attributes["nom_voltage"])


def c_expression(function: str) -> str:
    """A Liberty function as a C expression over the same names."""
    text = re.sub(r"([A-Za-z_]\w*|\([^()]*\))\s*'", r"!\1", function)  # X' is !X
    text = re.sub(r"\s*([+*^&|!()])\s*", r"\1", text.strip())
    text = re.sub(r"(?<=[\w)])(?=[(!])|(?<=\))(?=\w)|\s+", "&", text)  # what stands side by side is multiplied
    return text.translate(str.maketrans("+*!", "|&~"))
