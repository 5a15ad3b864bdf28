"""The netlist once more in Icarus Verilog, with the library's own cell models: every net must toggle as often.

Nothing is shared with the simulator under test but the netlist: other reader, other cell models, other memory.
"""

from __future__ import annotations

import struct
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from mlcomp.platforms.energy.netlist import Netlist
from mlcomp.platforms.energy.synthesis import CELL_MODELS
from mlcomp.platforms.platform import HERE, execute, find_program

BENCH = HERE / "energy" / "check_bench.v"


def vcd_toggles(lines: Iterable[str]) -> dict[str, list[int]]:
    """Changes between 0 and 1 of each wire of a value change dump, bit 0 first; also of bits that are never known.

    What stands in `$dumpvars` is where the wires start.
    """
    names: dict[str, list[str]] = defaultdict(list)  # code -> wires
    counts: dict[str, list[int]] = {}
    values: dict[str, str] = {}
    for line in lines:
        if line.startswith("$var"):
            _, _, width, code, name, *_range = line.split()
            names[code].append(name.removeprefix("\\"))
            counts[code], values[code] = [0] * int(width), "x" * int(width)
        elif line[0] in "01xz":
            code, new = line[1:].strip(), line[0]
            counts[code][0] += {values[code], new} == {"0", "1"}
            values[code] = new
        elif line[0] == "b":
            bits, code = line[1:].split()
            new = bits.rjust(len(counts[code]), "0" if bits[0] == "1" else bits[0])
            for index, (a, b) in enumerate(zip(reversed(values[code]), reversed(new), strict=True)):
                counts[code][index] += a != b and {a, b} == {"0", "1"}
            values[code] = new
    return {name: counts[code] for code, wires in names.items() for name in wires}


def icarus_toggles(folder: Path, top: str, image: Path, begin: int, end: int) -> dict[str, list[int]]:
    """Toggles of each wire of the netlist `top` in `folder` between two cycles of a program; see `vcd_toggles`."""
    with tempfile.TemporaryDirectory(prefix="mlcomp-icarus-") as name:
        scratch = Path(name)
        data = image.read_bytes()
        data += bytes(-len(data) % 4)
        (scratch / "image.hex").write_text("\n".join(f"{w:08x}" for (w,) in struct.iter_unpack("<I", data)))
        parameters = [f"-Pcheck_bench.BEGIN={begin}", f"-Pcheck_bench.END={end}"]
        sources = [BENCH, folder / "netlist.v", CELL_MODELS]
        command: list[str | Path] = [
            find_program("iverilog"),
            "-g2005",
            "-o",
            "check",
            "-s",
            "check_bench",
            f"-DGATES={top}",
            *parameters,
            *sources,
        ]
        execute(command, "iverilog", cwd=scratch)
        execute([find_program("vvp"), "-n", "check"], "vvp", cwd=scratch)
        with (scratch / "nets.vcd").open() as lines:
            return vcd_toggles(lines)


def compare(netlist: Netlist, ours: list[int], theirs: dict[str, list[int]]) -> dict[str, int]:
    """Both counts of toggles over the nets that both have, each net once, and on how many nets they differ."""
    seen: dict[int, int] = {}
    for name, nets in netlist.names.items():
        for net, toggles in zip(nets, theirs.get(name, []), strict=False):
            if net > 1:
                seen[net] = toggles
    return {
        "nets": len(seen),
        "toggles": sum(ours[n] for n in seen),
        "toggles_icarus": sum(seen.values()),
        "nets_that_differ": sum(ours[n] != t for n, t in seen.items()),
    }
