"""The targets of `targets.toml`: what clang is told, and where the C library's headers are."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A target that policies are made for."""

    name: str
    architectures: tuple[str, ...]  # of LLVM triples; a trailing * matches any rest
    flags: tuple[str, ...]
    libc: str  # header folder, or empty for clang's own search path
    sections: bool  # -ffunction-sections -fdata-sections, as firmware is built
    emulation: str  # ld.lld -m

    @property
    def compile_flags(self) -> list[str]:
        """All flags that compiling for the target needs."""
        flags = list(self.flags)
        if self.sections:
            flags += ["-ffunction-sections", "-fdata-sections"]
        if self.libc:
            flags += ["-isystem", self.libc]
        return flags


@functools.cache
def targets() -> dict[str, Target]:
    """All targets by name."""
    table = tomllib.loads(Path(__file__).with_name("targets.toml").read_text())
    return {
        name: Target(
            name=name,
            architectures=tuple(row["architectures"]),
            flags=tuple(row["flags"]),
            libc=row["libc"],
            sections=row["sections"],
            emulation=row["emulation"],
        )
        for name, row in table.items()
    }
