"""`make demo`: real C for a RISC-V microcontroller, with -Os, -Oz and the learned policy, run under an emulator."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlcomp.passes_features.native import object_size

HERE = Path(__file__).parent
PROGRAMS = ("modbus", "filter", "sha256")
LEVELS = ("-Os", "-Oz", "-O=ml-size")
TARGET = ["--target=riscv32-unknown-elf", "-march=rv32imc", "-mabi=ilp32"]
FLAGS = [*TARGET, "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-Wall", f"-I{HERE / 'runtime'}"]
MLCC = str(Path(sys.executable).with_name("mlcc"))


def run(command: list[str]) -> str:
    """Output of a command; ends the demo with one line if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"demo: error: {command[0]} is missing; run `make setup`")
    if done.returncode:
        sys.exit(f"demo: error: {' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def build(program: str, level: str, folder: Path) -> tuple[int, str]:
    """Compiles, links and runs a program; returns its bytes in flash and what it printed."""
    obj, image = folder / "program.o", folder / "program.elf"
    run([MLCC, *FLAGS, level, "-c", str(HERE / f"{program}.c"), "-o", str(obj)])
    link = ["-nostdlib", "-fuse-ld=lld", "-static", "-Wl,--gc-sections"]
    run(["clang-19", *FLAGS, "-O1", *link, str(obj), str(HERE / "runtime" / "runtime.c"), "-o", str(image)])
    size = object_size(obj.read_bytes())
    return size.text + size.rodata + size.data, run(["qemu-riscv32", str(image)])


def main() -> None:
    """Print the table; the exit code says whether all is as it should be."""
    table = Table(title=".text + .rodata + .data in bytes, rv32imc")
    table.add_column("program")
    for level in LEVELS:
        table.add_column(level, justify="right")
    table.add_column("against -Oz", justify="right")
    table.add_column("same output", justify="center")
    good, totals = True, dict.fromkeys(LEVELS, 0)
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        for program in PROGRAMS:
            built = {level: build(program, level, Path(folder)) for level in LEVELS}
            sizes = {level: size for level, (size, _) in built.items()}
            outputs = {output for _, output in built.values()}
            same = len(outputs) == 1
            good &= same and sizes["-O=ml-size"] <= sizes["-Oz"]
            for level in LEVELS:
                totals[level] += sizes[level]
            percent = 100 * (sizes["-O=ml-size"] / sizes["-Oz"] - 1)
            colour = "green" if percent < 0 else "yellow"
            cells = [str(sizes[level]) for level in LEVELS]
            table.add_row(program, *cells, f"[{colour}]{percent:+.1f} %[/]", "yes" if same else "[red]NO[/]")
            console.print(outputs.pop().strip(), highlight=False)
    percent = 100 * (totals["-O=ml-size"] / totals["-Oz"] - 1)
    table.add_section()
    table.add_row("all", *[str(totals[level]) for level in LEVELS], f"[bold]{percent:+.1f} %[/]", "")
    console.print(table)
    console.print("Why? mlcomp explain examples/modbus.c --target riscv32 -- -Iexamples/runtime", highlight=False)
    if not good:
        sys.exit("demo: error: an output differs, or -O=ml-size is larger than -Oz")


if __name__ == "__main__":
    main()
