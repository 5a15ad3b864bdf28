"""`cortex-m4`: programs for a Cortex-M4 in qemu: instructions are counted, cycles are modelled.

qemu counts how often each block runs. What a block costs comes from the disassembly and the documented latencies in
`cortex_m4.toml`: a model, without the bus, and labelled so.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlcomp.platforms.measurement import Counts, Limits, Measurement, Metric, PlatformError, Size, own_size
from mlcomp.platforms.platform import HERE, Platform, Report, digest, execute, find_program, make_once
from mlcomp.platforms.qemu import Block, Counted, count, plugin

LIBC = Path("/usr/lib/picolibc/arm-none-eabi/lib/thumb/v7e-m/nofp")
LIBGCC = Path("/usr/lib/gcc/arm-none-eabi")
RUNTIME = HERE / "runtime"
MARKS = {
    "main_begin": "mark_main_begin",
    "main_end": "mark_main_end",
    "region_begin": "mark_region_begin",
    "region_end": "mark_region_end",
}
FAULT = re.compile(rb"\nmlcomp: fault ([0-9a-f]{8}) ([0-9a-f]{8})$")
GUARD = range(0x20800000, 0x21000000)  # below the stack; start.c has it protected
STACKING, ADDRESS_VALID = 1 << 4, 1 << 7 | 1 << 15
FAULTS = {  # bits of the configurable fault status register
    1 << 25: "a division by zero",
    1 << 24: "a misaligned access",
    1 << 17: "a jump to ARM code",
    1 << 16: "an illegal instruction",
    1 << 10: "an access outside the memory",
    1 << 9: "an access outside the memory",
    1 << 8: "a fetch outside the memory",
    1 << 1: "an access that is not allowed",
    1 << 0: "a fetch that is not allowed",
}
MIX = ("alu", "multiplications", "divisions", "loads", "stores", "branches", "branches_taken")

LOADS = re.compile(r"(ldr|ldrex|vldr)")
STORES = re.compile(r"(str|strex|vstr)")
MULTIPLE = re.compile(r"(ldm|stm|push|pop|vldm|vstm|vpush|vpop)")
ACCUMULATE = re.compile(r"(mla|mls)")
MULTIPLY = re.compile(r"(mul|smul|umul|smla|smml|umaal|umlal|smlal|smuad|smusd|smls)")
CONDITION = r"(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?"
BRANCH = re.compile(rf"(b|bl|bx|blx){CONDITION}(\.[nw])?$|cbn?z$|tb[bh]$")


@dataclass(frozen=True)
class Instruction:
    """What the model needs of one instruction."""

    kind: str  # alu, multiply, accumulate, divide, load, store, multiple, branch, table, barrier
    registers: int = 0  # of a multiple load or store
    loads: int = 0
    stores: int = 0
    jumps: bool = False  # may go elsewhere


@functools.cache
def latencies() -> dict[str, int]:
    """The table of `cortex_m4.toml`, flat."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    return {**table["cycles"], "refill": table["refill"], "divide": table["divide"]}


def classify(mnemonic: str, operands: str) -> Instruction:
    """The class of an instruction as llvm-objdump writes it."""
    to_pc = bool(re.match(r"pc\b", operands)) or (mnemonic.startswith(("pop", "ldm")) and "pc}" in operands)
    if MULTIPLE.match(mnemonic):
        names = operands[operands.find("{") + 1 : operands.rfind("}")]
        registers = 0
        for part in names.split(","):
            low, _, high = part.strip().partition("-")
            registers += int(high[1:]) - int(low[1:]) + 1 if high else 1
        reads = mnemonic.startswith(("ldm", "pop", "vldm", "vpop"))
        return Instruction("multiple", registers, registers * reads, registers * (not reads), to_pc)
    if LOADS.match(mnemonic):
        double = mnemonic.startswith("ldrd")
        return Instruction("multiple" if double else "load", 2 * double, 1 + double, 0, to_pc)
    if STORES.match(mnemonic):
        double = mnemonic.startswith("strd")
        return Instruction("multiple" if double else "store", 2 * double, 0, 1 + double)
    if BRANCH.match(mnemonic):
        return Instruction("table" if mnemonic.startswith("tb") else "branch", jumps=True)
    if mnemonic.startswith(("udiv", "sdiv")):
        return Instruction("divide")
    if ACCUMULATE.match(mnemonic):
        return Instruction("accumulate")
    if MULTIPLY.match(mnemonic):
        return Instruction("multiply")
    if mnemonic in ("dsb", "dmb", "isb"):
        return Instruction("barrier")
    return Instruction("alu", jumps=to_pc)


def disassemble(program: Path) -> dict[int, Instruction]:
    """All instructions of a program by address."""
    done = execute(
        [find_program("llvm-objdump-19", "llvm-objdump"), "-d", "--mcpu=cortex-m4", "--no-show-raw-insn", program],
        "llvm-objdump",
    )
    table = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        if match := re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*([^@]*)", line):
            table[int(match[1], 16)] = classify(match[2], match[3].strip())
    return table


def block_cycles(instructions: Sequence[Instruction]) -> int:
    """Cycles of a block that ends by falling through."""
    cycles, before = 0, ""
    known = latencies()
    for i in instructions:
        match i.kind:
            case "load" | "store":
                cycles += 1 if before in ("load", "store") else known["load_store"]
            case "multiple":
                cycles += known["multiple"] + i.registers
            case "accumulate":
                cycles += known["multiply_accumulate"]
            case "divide":
                cycles += known["divide"]
            case "table":
                cycles += known["table_branch"]
            case "barrier":
                cycles += known["barrier"]
            case _:
                cycles += known["alu"]
        before = i.kind
    return cycles


def add_up(blocks: Iterable[Block], code: dict[int, Instruction]) -> Counts:
    """Counts and modelled cycles of some blocks."""
    total = dict.fromkeys(("cycles", "instructions", *MIX), 0)
    ordered = sorted(code)
    place = {address: i for i, address in enumerate(ordered)}
    for block in blocks:
        first = place.get(block.address)
        if first is None:
            raise PlatformError(f"cortex-m4: no instruction is known at {block.address:#x}")
        members = [code[a] for a in ordered[first : first + block.instructions]]
        taken = block.runs - block.fell_through if members[-1].jumps else 0
        total["instructions"] += block.runs * len(members)
        total["cycles"] += block.runs * block_cycles(members) + taken * latencies()["refill"]
        total["branches_taken"] += taken
        for i in members:
            total["loads"] += i.loads * block.runs
            total["stores"] += i.stores * block.runs
            total["branches"] += block.runs * (i.kind in ("branch", "table"))
            total["multiplications"] += block.runs * (i.kind in ("multiply", "accumulate"))
            total["divisions"] += block.runs * (i.kind == "divide")
            total["alu"] += block.runs * (i.kind == "alu")
    return {name: float(value) for name, value in total.items()}


class CortexM4(Platform):
    """A Cortex-M4 microcontroller in qemu."""

    name = "cortex-m4"
    title = "Cortex-M4, emulated; cycles from documented latencies"
    target_name = "thumb"
    metrics = (
        Metric("cycles", "cycles", "modelled"),
        Metric("instructions", "instructions", "measured"),
        *(Metric(name, "accesses" if name in ("loads", "stores") else "instructions", "measured") for name in MIX),
    )

    def prepare(self, report: Report = lambda _: None) -> None:
        find_program("qemu-system-arm")
        plugin(report)
        self.runtime()

    def fingerprint(self) -> str:
        version = execute([find_program("qemu-system-arm"), "--version"], "qemu").stdout
        table = Path(__file__).with_suffix(".toml").read_bytes()
        own = digest([version, table, Path(__file__).read_bytes()])
        return f"{self.name} {plugin().parent.name} {self.runtime().name} {own}"

    @functools.cache  # noqa: B019
    def runtime(self) -> Path:
        """The folder with start.o and support.o."""
        folder = RUNTIME / "cortex-m"
        sources = [RUNTIME / "support.c", *sorted(folder.iterdir())]

        def make(out: Path) -> None:
            for source in (folder / "start.c", RUNTIME / "support.c"):
                command: list[str | Path] = [
                    find_program("clang-19"),
                    *self.compile_flags,
                    "-Os",
                    "-I",
                    folder,
                    "-c",
                    source,
                ]
                execute([*command, "-o", out / f"{source.stem}.o"], "start-up code")

        flags = " ".join(self.compile_flags).encode()
        return make_once("runtime-cortex-m", digest([flags, *(s.read_bytes() for s in sources)]), make)

    def link(self, objects: Sequence[Path], out: Path) -> Size:
        libgcc = sorted(LIBGCC.glob("*/thumb/v7e-m/nofp/libgcc.a"))
        if not libgcc or not (LIBC / "libc.a").exists():
            raise PlatformError("picolibc for Cortex-M4 is missing; run make setup")
        command = [find_program("ld.lld-19", "ld.lld"), "-m", self.target.emulation, "--gc-sections", "-Map=-"]
        command += ["-T", str(RUNTIME / "cortex-m" / "link.ld"), "--wrap=main", "-o", str(out)]
        runtime = [self.runtime() / "start.o", self.runtime() / "support.o"]
        done = execute(
            [*command, *runtime, *objects, "--start-group", LIBC / "libc.a", libgcc[-1], "--end-group"], "linking"
        )
        return own_size(done.stdout.decode(errors="replace"), objects)

    def run(self, program: Path, limits: Limits, size: Size) -> Measurement:
        command = [find_program("qemu-system-arm"), "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
        command += ["-serial", "none", "-chardev", "stdio,id=console"]
        command += ["-semihosting-config", "enable=on,target=native,chardev=console", "-kernel"]
        counted = count(command, program, MARKS, 0, limits)
        output, problem = _verdict(counted, limits)
        code = disassemble(program)
        region = add_up(counted.region, code) if counted.region is not None else None
        return Measurement(problem, counted.code, output, add_up(counted.main, code), region, size)


def _fault(status: int, address: int) -> str:
    """What the configurable fault status register and the bus fault address register say."""
    if status & STACKING or (status & ADDRESS_VALID and address in GUARD):
        return "overflowed its stack"
    what = next((text for bit, text in FAULTS.items() if status & bit), f"status {status:08x}")
    return f"fault: {what}" + (f" ({address:#x})" if status & ADDRESS_VALID else "")


def _verdict(counted: Counted, limits: Limits) -> tuple[bytes, str]:
    """The program's own output, and what went wrong."""
    if counted.end == "limit":
        return counted.output[: limits.output], f"ran for more than {limits.cycles} instructions"
    if len(counted.output) > limits.output:
        return counted.output[: limits.output], f"printed more than {limits.output} bytes"
    if fault := FAULT.search(counted.output):
        return counted.output[: fault.start()], _fault(int(fault[1], 16), int(fault[2], 16))
    if counted.end == "crash":
        return counted.output, "crashed the emulator"
    return counted.output, f"returned {counted.code}" if counted.code else ""
