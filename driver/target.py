"""Names the architecture that a command line compiles for, as policies call it."""

from __future__ import annotations

import os

from mlcomp.driver.arguments import Request

CROSS_PREFIXES = ("riscv32-", "riscv64-", "arm", "thumb", "aarch64-", "x86_64-", "i386-", "i686-")
ALIASES = {
    "amd64": "x86_64",
    "x86_64h": "x86_64",
    "arm64": "aarch64",
    "i486": "i386",
    "i586": "i386",
    "i686": "i386",
}
# architecture: with -m32, with -m64
WIDTHS = {
    "x86_64": ("i386", "x86_64"),
    "i386": ("i386", "x86_64"),
    "riscv32": ("riscv32", "riscv64"),
    "riscv64": ("riscv32", "riscv64"),
}
MICROCONTROLLERS = ("cortex-m", "sc000", "sc300", "star-mc")  # cores without the ARM instruction set


def cross_target(program: str) -> str:
    """The triple in a program name such as `riscv32-unknown-elf-clang-19`, or nothing."""
    name = program.rpartition("/")[2]
    triple = name[: max(name.rfind("-clang"), name.rfind("-mlcc"), 0)]
    return triple if "-" in triple and triple.startswith(CROSS_PREFIXES) else ""


def architecture(request: Request, clang: str) -> str:
    """The architecture of a request that the program `clang` carries out: riscv32, thumb, x86_64 or
    another."""
    triple = request.target or cross_target(clang) or os.uname().machine
    arch = triple.partition("-")[0].lower()
    arch = ALIASES.get(arch, arch)
    if request.width and arch in WIDTHS:
        arch = WIDTHS[arch][request.width == "-m64"]
    if arch.startswith("riscv") and request.architecture[:4].lower() in ("rv32", "rv64"):
        arch = "riscv" + request.architecture[2:4]
    if arch.startswith(("arm", "thumb")):
        return "thumb" if _is_thumb(arch, request) else "arm"
    return arch


def _is_thumb(arch: str, request: Request) -> bool:
    """Always for cores without the ARM instruction set, else where it is asked for."""
    if request.cpu:
        if request.cpu.lower().startswith(MICROCONTROLLERS):
            return True
    elif _is_m_profile(request.architecture.lower() or arch):
        return True
    if request.instruction_set:
        return request.instruction_set == "-mthumb"
    return arch.startswith("thumb")


def _is_m_profile(name: str) -> bool:
    """Whether `armv7e-m`, `armv8m.main`, `thumbv6m` and the like name an architecture for
    microcontrollers."""
    version = name.removeprefix("thumb").removeprefix("arm").partition("+")[0]
    return version.startswith("v") and "m" in version
