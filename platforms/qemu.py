"""How often each block of a program runs, counted by qemu with a plugin of ours.

In: a program with mark functions, a qemu command that ends with the program. Out: blocks with runs in main and in
the region of interest.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from mlcomp.platforms.measurement import Limits, PlatformError
from mlcomp.platforms.platform import HERE, Report, digest, execute, find_program, make_once

SOURCE = HERE / "simulators" / "qemu_counts.c"
FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]


@dataclass(frozen=True)
class Block:
    """A block of instructions: where it is, and how often it ran and went on behind its end, in one scope."""

    address: int
    instructions: int
    bytes: int
    runs: int
    fell_through: int


@dataclass(frozen=True)
class Counted:
    """A counted run: how qemu ended (`exit`, `limit` or `crash`), and the blocks of both scopes."""

    end: str
    code: int
    output: bytes
    main: list[Block]
    region: list[Block] | None


@functools.cache
def plugin(report: Report = lambda _: None) -> Path:
    """The plugin, built if it is not there."""

    def make(out: Path) -> None:
        report("building the plugin that counts blocks")
        execute([find_program("gcc", "cc"), *FLAGS, SOURCE, "-o", out / "counts.so"], "counting plugin")

    return make_once("qemu-counts", digest([SOURCE.read_bytes(), " ".join(FLAGS).encode()]), make) / "counts.so"


def symbols(program: Path, names: Sequence[str]) -> dict[str, int]:
    """Addresses of functions in a program, without the bit that says Thumb."""
    found = {}
    with program.open("rb") as file:
        elf = ELFFile(file)
        thumb = elf["e_machine"] == "EM_ARM"
        for table in elf.iter_sections():
            if isinstance(table, SymbolTableSection):
                for symbol in table.iter_symbols():
                    if symbol.name in names and symbol["st_shndx"] != "SHN_UNDEF":
                        found[symbol.name] = symbol["st_value"] & ~1 if thumb else symbol["st_value"]
    return found


def count(command: Sequence[str], program: Path, marks: Mapping[str, str], base: int, limits: Limits) -> Counted:
    """Runs `command PROGRAM` under the plugin.

    `marks` maps the plugin's mark names to functions of the program, `base` is where the program is loaded relative
    to its own addresses.
    """
    addresses = symbols(program, list(marks.values()))
    with tempfile.TemporaryDirectory(prefix="mlcomp-") as scratch:
        out, printed = Path(scratch, "counts"), Path(scratch, "printed")
        words = [f"{mark}={addresses[name] + base:x}" for mark, name in marks.items() if name in addresses]
        argument = ",".join([f"file={plugin()}", f"out={out}", f"limit={limits.cycles}", *words])
        with printed.open("wb") as sink:
            process = subprocess.Popen(
                [*command, "-plugin", argument, str(program)] if command[-1] != "-kernel"
                else [*command[:-1], "-plugin", argument, "-kernel", str(program)],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.PIPE,
            )  # fmt: skip
            _, errors = process.communicate()
        with printed.open("rb") as source:
            output = source.read(limits.output + 1)
        if not out.exists():
            if process.returncode >= 0 and b"plugin" in errors:
                raise PlatformError(f"{command[0]}: {errors.decode(errors='replace').strip().splitlines()[0]}")
            return Counted("crash", process.returncode, output, [], None)
        lines = out.read_text().splitlines()
    end, had_region = lines[0].split()
    main, region = [], []
    for line in lines[1:]:
        address, *rest = line.split()
        instructions, size, runs, fell, region_runs, region_fell = map(int, rest)
        where = int(address, 16) - base
        if runs:
            main.append(Block(where, instructions, size, runs, fell))
        if region_runs:
            region.append(Block(where, instructions, size, region_runs, region_fell))
    key = lambda b: (b.address, b.instructions)  # noqa: E731
    main.sort(key=key)
    region.sort(key=key)
    return Counted(end, process.returncode, output, main, region if had_region == "1" else None)
