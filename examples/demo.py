"""The demonstration: real C for a RISC-V microcontroller, smaller than clang -Oz makes it, and still right.

Each example is compiled by mlcc with -Os, -Oz and -O=ml-size, linked with the board's few functions, and run in
qemu on its input. Printed are the sizes of the example's own code and data in the linked program. Fails if the
outputs of one example differ, or if -O=ml-size is larger than -Oz.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mlcomp.platforms.targets import Target, targets

HERE = Path(__file__).parent
LEVELS = ("-Os", "-Oz", "-O=ml-size")
PROGRAMS = {  # source: (what it is, what it reads)
    "modbus.c": ("Modbus server", "inputs/modbus.txt"),
    "filter.c": ("vibration DSP", "inputs/filter.txt"),
    "sha256.c": ("SHA-256, HMAC", "sha256.c"),
    "shell.c": ("motor console", "inputs/shell.txt"),
}
SECTIONS = (".text", ".rodata", ".srodata", ".data", ".sdata")  # what takes flash
TIME_LIMIT = 60  # seconds for one run


class DemoError(Exception):
    """What went wrong, in one line."""


@dataclass(frozen=True)
class Build:
    """One example at one level."""

    size: int  # bytes in flash of its own code and data
    output: bytes


@dataclass(frozen=True)
class Tools:
    """The programs that the demonstration runs."""

    mlcc: str
    linker: str
    emulator: str

    @classmethod
    def find(cls) -> Tools:
        """The tools beside this Python and on the path."""

        def first(*names: str) -> str:
            found = next(filter(None, map(shutil.which, names)), None)
            if not found:
                raise DemoError(f"{names[0]} is missing; run make setup")
            return found

        mlcc = str(Path(sys.executable).with_name("mlcc"))
        return cls(first(mlcc), first("ld.lld-19", "ld.lld"), first("qemu-riscv32", "qemu-riscv32-static"))


def run(command: list[str], stdin: bytes = b"") -> bytes:
    """The standard output of a command that must succeed."""
    try:
        # A warning of mlcc would mean that the policy was not used: here it is an error.
        environment = {**os.environ, "MLCC_STRICT": "1"}
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=TIME_LIMIT, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"{Path(command[0]).name} ran for more than {TIME_LIMIT} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or [f"exit code {done.returncode}"]
        raise DemoError(f"{Path(command[0]).name} failed: {lines[0]}")
    return done.stdout


def own_size(link_map: str, name: str) -> int:
    """Bytes in flash of one object, by the linker's map. Only the examples have literals, which lld merges."""
    total = 0
    for line in link_map.splitlines():
        entry = re.fullmatch(r"\s*[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+\s+(\S+):\((\S+)\)", line)
        if entry and Path(entry[2]).name in (name, "<internal>") and entry[3].startswith(SECTIONS):
            total += int(entry[1], 16)
    return total


class Bench:
    """Compiles, links and runs in a scratch folder."""

    def __init__(self, tools: Tools, target: Target, scratch: Path) -> None:
        self.tools, self.target, self.scratch = tools, target, scratch
        board = [(HERE / "board" / name, "-Oz", "-fno-builtin") for name in ("start.S", "board.c", "string.c")]
        self.board = [str(self.compile(*arguments)) for arguments in board]

    def compile(self, source: Path, *flags: str) -> Path:
        """The object file of a source file."""
        out = self.scratch / f"{source.stem}.o"
        run([self.tools.mlcc, *self.target.compile_flags, "-std=c11", *flags, "-c", str(source), "-o", str(out)])
        return out

    def build(self, source: Path, level: str, stdin: bytes) -> Build:
        """Compiles, links and runs one example."""
        obj = self.compile(source, level)
        image = obj.with_suffix(".elf")
        command = [self.tools.linker, "-m", self.target.emulation, "--gc-sections", "-Map=-"]
        link_map = run([*command, *self.board, str(obj), "-o", str(image)])
        return Build(own_size(link_map.decode(), obj.name), run([self.tools.emulator, str(image)], stdin))


def percent(size: int, baseline: int) -> str:
    """How far a size is from the baseline, coloured."""
    change = 100 * (size / baseline - 1)
    colour = "green" if size < baseline else "red" if size > baseline else "default"
    return f"[{colour}]{change:+.1f} %[/]"


def table_of(builds: dict[str, dict[str, Build]]) -> Table:
    """Sizes by program and level, with their sum."""
    table = Table(title="Flash of the examples, rv32imc, in bytes")
    table.add_column("program", style="bold")
    table.add_column("what it is")
    for level in LEVELS:
        table.add_column(level, justify="right")
    table.add_column("against -Oz", justify="right")
    table.add_column("output", justify="right")
    for name, levels in builds.items():
        sizes = [levels[level].size for level in LEVELS]
        same = len({build.output for build in levels.values()}) == 1
        verdict = "[green]same[/]" if same else "[red]differs[/]"
        table.add_row(name, PROGRAMS[name][0], *map(str, sizes), percent(sizes[2], sizes[1]), verdict)
    table.add_section()
    sums = [sum(levels[level].size for levels in builds.values()) for level in LEVELS]
    table.add_row("all", "", *map(str, sums), percent(sums[2], sums[1]), "")
    return table


def complaints(builds: dict[str, dict[str, Build]]) -> list[str]:
    """What must not be."""
    found = []
    for name, levels in builds.items():
        if not all(build.output for build in levels.values()):
            found.append(f"{name} prints nothing")
        if len({build.output for build in levels.values()}) > 1:
            found.append(f"the outputs of {name} differ")
        if levels["-O=ml-size"].size > levels["-Oz"].size:
            found.append(f"{name} is larger than with -Oz")
    return found


def main() -> int:
    """Show the table; the exit code says whether all is as it must be."""
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    builds: dict[str, dict[str, Build]] = {}
    try:
        with tempfile.TemporaryDirectory() as scratch, Progress(console=errors, transient=True) as progress:
            bench = Bench(Tools.find(), targets()["riscv32"], Path(scratch))
            task = progress.add_task("compiling and running", total=len(PROGRAMS) * len(LEVELS))
            for name, (_, source_of_input) in PROGRAMS.items():
                stdin = (HERE / source_of_input).read_bytes()
                builds[name] = {}
                for level in LEVELS:
                    builds[name][level] = bench.build(HERE / name, level, stdin)
                    progress.advance(task)
    except DemoError as problem:
        errors.print(f"[red]demo: error:[/] {problem}")
        return 1
    console.print(table_of(builds))
    found = complaints(builds)
    for complaint in found:
        errors.print(f"[red]demo: error:[/] {complaint}")
    if not found:
        console.print("Step by step: [bold].venv/bin/mlcomp explain examples/shell.c --target riscv32[/]")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
