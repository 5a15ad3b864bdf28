"""RISC-V platforms: the RTL of Ibex and CV32E40P under Verilator, and a fast simulator with Ibex's latencies.

All run the same programs: rv32imc with picolibc in 4 MiB of single-cycle memory, 64 KiB of it stack. The RTL comes
from packages on PyPI and is built once into the cache folder.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import platform as machine
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile

from mlcomp.platforms.energy.model import energy_models
from mlcomp.platforms.measurement import Counts, Limits, Measurement, Metric, PlatformError, Size, own_size
from mlcomp.platforms.platform import HERE, Platform, Report, digest, execute, find_program, make_once

LIBC = Path("/usr/lib/picolibc/riscv64-unknown-elf/lib/rv32im/ilp32")
LIBGCC = Path("/usr/lib/gcc/riscv64-unknown-elf")
IMAGE_BASE = 0x40010000
STACK = range(0x40000000 - 0x100000, 0x40000000)  # where an overflow of the stack ends up
SIMULATORS = HERE / "simulators"
RUNTIME = HERE / "runtime"
EXERCISE = SIMULATORS / "exercise.c"
RTL_FLAGS = "-O3 -march=native"


def _measured(unit: str, names: str) -> tuple[Metric, ...]:
    return tuple(Metric(name, unit, "measured") for name in names.split())


CYCLES = Metric("cycles", "cycles", "measured")
EXECUTED = (
    *_measured("instructions", "instructions"),
    *_measured("accesses", "loads stores"),
    *_measured("instructions", "branches branches_taken jumps"),
)
COUNTED = (CYCLES, *EXECUTED, *_measured("accesses", "fetches"))
# Counts beside those, for the model of energy.
ACTIVITY = (
    *_measured("cycles", "multiply_waits divide_waits"),
    *_measured(
        "bits",
        "source_toggles operand_toggles result_toggles instruction_toggles fetch_toggles data_toggles",
    ),
)
INSTRUCTION_MIX = (
    *_measured(
        "instructions",
        "multiplications divisions additions logic shifts comparisons constants high_multiplications zero_divisions "
        "byte_loads half_loads byte_stores half_stores crossings immediates compressed indirect_jumps target_crossings",
    ),
    *_measured("bits", "encoding_toggles register_toggles"),
)
CAUSES = {
    0: "a jump to an odd address",
    1: "a fetch outside the memory",
    2: "an illegal instruction",
    3: "a breakpoint",
    4: "a misaligned load",
    5: "a load outside the memory",
    6: "a misaligned store",
    7: "a store outside the memory",
    11: "a system call",
}


@dataclass(frozen=True)
class Core:
    """A core's RTL: the package it comes from, its files, and parameters of its top module."""

    name: str
    title: str
    package: str
    system: str  # the top module, and its file in simulators/
    includes: tuple[str, ...]
    files: tuple[str, ...]
    libraries: tuple[str, ...]
    parameters: dict[str, int] = field(default_factory=dict)
    activity: bool = False  # whether the system counts toggles


def _ibex(name: str, title: str, **parameters: int) -> Core:
    prim = "vendor/lowrisc_ip/ip/prim/rtl"
    shims = "dv/uvm/core_ibex/common/prim"
    return Core(
        name,
        title,
        "pythondata_cpu_ibex",
        "ibex_system",
        (prim, "vendor/lowrisc_ip/dv/sv/dv_utils", "rtl"),
        (
            f"{shims}/prim_pkg.sv",
            *(f"{prim}/prim_{p}_pkg.sv" for p in ("util", "ram_1p", "secded", "count", "mubi", "cipher")),
            "rtl/ibex_pkg.sv",
        ),
        ("rtl", shims, prim, "vendor/lowrisc_ip/ip/prim_generic/rtl"),
        parameters,
        activity=True,
    )


IBEX = _ibex("ibex", "Ibex, two stages, RTL")
IBEX_WRITEBACK = _ibex("ibex-wb", "Ibex with a write-back stage, RTL", WritebackStage=1)
IBEX_BTALU = _ibex("ibex-btalu", "Ibex with a branch-target ALU, RTL", BranchTargetALU=1)
CV32E40P = Core(
    "cv32e40p",
    "CV32E40P, four stages, RTL",
    "pythondata_cpu_cv32e40p",
    "cv32e40p_system",
    ("rtl/include", "bhv", "bhv/include"),
    (
        *(f"rtl/include/cv32e40p_{p}pkg.sv" for p in ("apu_core_", "fpu_", "")),
        "bhv/cv32e40p_sim_clock_gate.sv",
        "rtl/cv32e40p_register_file_ff.sv",
    ),
    ("rtl",),
)


def _cpu() -> bytes:
    """What -march=native depends on."""
    flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    return f"{machine.machine()} {flags}".encode()


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise PlatformError(f"the Python package {name.replace('_', '-')} is missing; run make setup")
    return Path(spec.submodule_search_locations[0])


def package_version(package: str) -> bytes:
    from importlib.metadata import version

    return f"{package} {version(package.replace('_', '-'))}".encode()


class RiscvPlatform(Platform):
    """What the RISC-V platforms share: start-up code, linking, simulators with one command line, energy."""

    target_name = "riscv32"

    def __init__(self, name: str, title: str, metrics: tuple[Metric, ...]) -> None:
        self.name, self.title = name, title
        self.energy_model = energy_models().get(name)
        if self.energy_model:
            metrics = (*metrics, Metric("energy", "nJ", "modelled", self.energy_model.error["left_out_mean"]))
        self.metrics = metrics

    def simulator(self, report: Report = lambda _: None) -> Path:
        """The simulator's executable, built if it is not there."""
        raise NotImplementedError

    def prepare(self, report: Report = lambda _: None) -> None:
        self.simulator(report)
        self.runtime()

    def fingerprint(self) -> str:
        return f"{self.name} {self.simulator().parent.name} {self.runtime().name}"

    @functools.cache  # noqa: B019 - platforms live as long as the process
    def runtime(self) -> Path:
        """The folder with start.o and support.o."""
        folder = RUNTIME / "riscv"
        sources = [RUNTIME / "support.c", *sorted(folder.iterdir())]
        clang = find_program("clang-19")

        def make(out: Path) -> None:
            flags: list[str | Path] = [*self.compile_flags, "-Os", "-I", folder]
            execute([clang, *flags, "-c", folder / "start.S", "-o", out / "start.o"], "start-up code")
            execute([clang, *flags, "-c", RUNTIME / "support.c", "-o", out / "support.o"], "start-up code")

        flags = " ".join(self.compile_flags).encode()
        return make_once("runtime-riscv", digest([flags, *(s.read_bytes() for s in sources)]), make)

    def link(self, objects: Sequence[Path], out: Path) -> Size:
        libgcc = sorted(LIBGCC.glob("*/rv32im/ilp32/libgcc.a"))
        if not libgcc or not (LIBC / "libc.a").exists():
            raise PlatformError("picolibc for rv32im is missing; run make setup")
        command = [find_program("ld.lld-19", "ld.lld"), "-m", self.target.emulation, "--gc-sections", "-Map=-"]
        command += ["-T", str(RUNTIME / "riscv" / "link.ld"), "--wrap=main", "-o", str(out)]
        runtime = [self.runtime() / "start.o", self.runtime() / "support.o"]
        libraries: list[str | Path] = ["--start-group", LIBC / "libc.a", libgcc[-1], "--end-group"]
        done = execute([*command, *runtime, *objects, *libraries], "linking")
        return own_size(done.stdout.decode(errors="replace"), objects)

    def run(self, program: Path, limits: Limits, size: Size) -> Measurement:
        with tempfile.TemporaryDirectory(prefix="mlcomp-") as scratch:
            image, out = Path(scratch, "image"), Path(scratch, "report")
            image.write_bytes(memory_image(program))
            command = [str(self.simulator()), str(image), str(out), str(limits.cycles), str(limits.output)]
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode:
                raise PlatformError(
                    f"{self.name}: the simulator failed: {done.stderr.decode(errors='replace').strip()}"
                )
            line, _, output = out.read_bytes().partition(b"\n")
        report = json.loads(line)
        region = report.get("region")
        return self.complete(
            Measurement(_problem(report, limits), report["code"], output, report["main"], region, size)
        )

    def complete(self, measurement: Measurement) -> Measurement:
        return replace(
            measurement,
            main=self._with_energy(measurement.main),
            region=None if measurement.region is None else self._with_energy(measurement.region),
        )

    def _with_energy(self, counts: Counts) -> Counts:
        return {**counts, "energy": self.energy_model.energy(counts)} if self.energy_model and counts else counts


def memory_image(program: Path) -> bytes:
    """The bytes of a program's loaded segment, from `IMAGE_BASE` on."""
    with program.open("rb") as file:
        image = bytearray()
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            offset = segment["p_paddr"] - IMAGE_BASE
            data = segment.data()
            image[len(image) :] = bytes(max(0, offset - len(image)))
            image[offset : offset + len(data)] = data
    return bytes(image)


def _problem(report: dict[str, int | str], limits: Limits) -> str:
    """What went wrong in a run, in a few words; empty if nothing did."""
    if report["end"] == "exit":
        return f"returned {report['code']}" if report["code"] else ""
    if report["end"] == "limit":
        return f"ran for more than {limits.cycles} cycles"
    if report["end"] == "output":
        return f"printed more than {limits.output} bytes"
    value = int(report["value"])
    if value in STACK:
        return "overflowed its stack"
    cause = CAUSES.get(int(report["cause"]), f"trap {report['cause']}")
    where = f" at pc {int(report['pc']):#x}" if report["pc"] else ""
    return f"fault: {cause} ({value:#x}){where}"


class Rtl(RiscvPlatform):
    """A core's RTL, translated by Verilator and run cycle by cycle."""

    def __init__(self, core: Core) -> None:
        super().__init__(core.name, core.title, (*COUNTED, *ACTIVITY) if core.activity else COUNTED)
        self.core = core

    @functools.cache  # noqa: B019
    def simulator(self, report: Report = lambda _: None) -> Path:
        core = self.core
        root = package_folder(core.package) / "system_verilog"
        verilator = package_folder("verilator")
        own = [SIMULATORS / f"{core.system}.sv", SIMULATORS / "rtl_bench.cpp", SIMULATORS / "machine.h", EXERCISE]
        words = [f"-pvalue+{name}={value}" for name, value in core.parameters.items()]
        definitions = " -DACTIVITY" if core.activity else ""
        key = digest(
            [
                package_version(core.package),
                package_version("verilator"),
                _cpu(),
                repr((core, words, RTL_FLAGS)).encode(),
                *(f.read_bytes() for f in own),
            ]
        )

        def make(out: Path) -> None:
            report(f"{core.name}: building the simulator from RTL")
            with tempfile.TemporaryDirectory(prefix="mlcomp-rtl-") as name:
                scratch = Path(name)
                command: list[str | Path] = [verilator / "bin" / "verilator", "--cc", "--exe", "--Mdir", scratch]
                command += ["--top-module", core.system, "--no-timing", "-O3", "--noassert"]
                command += ["--x-assign", "fast", "--x-initial", "fast", "-Wno-fatal", "-Wno-lint", "-Wno-style"]
                command += ["-Wno-MULTIDRIVEN", *words, *(f"+incdir+{root / i}" for i in core.includes)]
                command += [*(root / f for f in core.files)]
                command += [word for library in core.libraries for word in ("-y", root / library)]
                command += [own[0], own[1], "-o", "simulator"]
                header = f'-DSYSTEM_HEADER=\\"V{core.system}.h\\"'
                command += ["-CFLAGS", f"-std=c++17 -I{SIMULATORS} -DSYSTEM=V{core.system} {header}{definitions}"]
                execute(command, f"{core.name}: verilator", env={**os.environ, "VERILATOR_ROOT": str(verilator)})
                self._compile(scratch, f"-fprofile-generate={scratch / 'profile'}")
                self._exercise(scratch)
                merge: list[str | Path] = [
                    find_program("llvm-profdata-19"),
                    "merge",
                    scratch / "profile",
                    "-o",
                    scratch / "profdata",
                ]
                execute(merge, f"{core.name}: profile")
                for old in (*scratch.glob("*.o"), *scratch.glob("*.a"), scratch / "simulator"):
                    old.unlink()
                self._compile(scratch, f"-fprofile-use={scratch / 'profdata'} -Wno-profile-instr-out-of-date")
                (scratch / "simulator").rename(out / "simulator")

        return make_once(core.name, key, make) / "simulator"

    def _compile(self, folder: Path, profile: str) -> None:
        """Makes the simulator of what Verilator has written."""
        clang = find_program("clang++-19")
        command: list[str | Path] = ["make", "-C", folder, "-f", f"V{self.core.system}.mk", f"-j{os.cpu_count()}"]
        # In place of those of the machine that the package was made on.
        command += [f"PYTHON3={sys.executable}", f"CXX={clang}", f"LINK={clang}", "VM_PARALLEL_BUILDS=0"]
        command += [f"OPT_FAST={RTL_FLAGS}", "OPT_SLOW=-O1", f"OPT_GLOBAL={RTL_FLAGS} {profile}", f"LDFLAGS={profile}"]
        environment = {**os.environ, "VERILATOR_ROOT": str(package_folder("verilator"))}
        execute(command, f"{self.core.name}: make", env=environment)

    def _exercise(self, folder: Path) -> None:
        """Runs the simulator in `folder` on a small program, for its own profile: a third faster for it."""
        compiled, program, image = folder / "exercise.elf.o", folder / "exercise.elf", folder / "image"
        clang = find_program("clang-19")
        execute([clang, *self.compile_flags, "-O1", "-c", EXERCISE, "-o", compiled], "exercise")
        self.link([compiled], program)
        image.write_bytes(memory_image(program))
        compiled.unlink()
        execute([folder / "simulator", image, folder / "report", "10000000", "1000"], f"{self.core.name}: exercise")


class FastIbex(RiscvPlatform):
    """Ibex's instruction set with its latencies: the same counts as the RTL but for a small error, much faster."""

    stands_for = "ibex"

    def __init__(self) -> None:
        metrics = (Metric("cycles", "cycles", "modelled"), *EXECUTED, *INSTRUCTION_MIX)
        super().__init__("ibex-fast", "Ibex, instruction set with a latency model", metrics)

    @functools.cache  # noqa: B019
    def simulator(self, report: Report = lambda _: None) -> Path:
        sources = [SIMULATORS / "fast_ibex.cpp", SIMULATORS / "machine.h"]

        def make(out: Path) -> None:
            report(f"{self.name}: building the simulator")
            flags = ["-O3", "-march=native", "-std=c++17", "-fno-exceptions"]
            execute([find_program("g++"), *flags, sources[0], "-o", out / "simulator"], self.name)

        return make_once(self.name, digest([_cpu(), *(s.read_bytes() for s in sources)]), make) / "simulator"
