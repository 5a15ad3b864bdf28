"""What a platform says about one run of a program: how it ended, what it printed, what was counted, how large it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

Counts = dict[str, float]


class PlatformError(Exception):
    """A platform, or a program for it, cannot be made; the message is one line."""


@dataclass(frozen=True)
class Metric:
    """One figure of a measurement; `source` says whether it is counted or comes from a model.

    `error` is the model's mean relative error on programs it has not seen, where that is known.
    """

    name: str
    unit: str
    source: str  # measured or modelled
    error: float | None = None

    def __post_init__(self) -> None:
        if self.source not in ("measured", "modelled"):
            raise ValueError(f"metric '{self.name}' is neither measured nor modelled")

    def to_json(self) -> dict[str, Any]:
        """Unit, source, and the error if it is known."""
        return {name: value for name, value in asdict(self).items() if name != "name" and value is not None}


@dataclass(frozen=True)
class Size:
    """Bytes of a program's own code and data after linking, without libraries."""

    text: int = 0
    rodata: int = 0
    data: int = 0
    bss: int = 0

    @property
    def flash(self) -> int:
        """What is stored in flash."""
        return self.text + self.rodata + self.data


@dataclass(frozen=True)
class Limits:
    """Where a run is ended: cycles, or instructions where a platform has no cycles, and bytes of output."""

    cycles: int = 200_000_000
    output: int = 1 << 20


@dataclass(frozen=True)
class Measurement:
    """One run. `problem` is empty, or says in a few words why the run is worth nothing.

    `main` counts from the call of main to its return, `region` between `roi_begin` and `roi_end`, if the program
    calls them; both map metric names to figures in the metric's unit.
    """

    problem: str
    code: int
    output: bytes
    main: Counts
    region: Counts | None
    size: Size

    def to_json(self) -> dict[str, Any]:
        """As plain values; output that is no UTF-8 is escaped."""
        return {**asdict(self), "output": self.output.decode("utf-8", "backslashreplace"), "flash": self.size.flash}


SECTION_KINDS = {
    "text": (".text",),
    "rodata": (".rodata", ".srodata"),
    "data": (".data", ".sdata", ".tdata", ".init_array", ".fini_array"),
    "bss": (".bss", ".sbss", ".tbss", "COMMON"),
}


def _mergeable(path: Path) -> int:
    """Bytes of an object file in sections that the linker merges."""
    with path.open("rb") as file:
        flags = SH_FLAGS.SHF_MERGE | SH_FLAGS.SHF_ALLOC
        return sum(s["sh_size"] for s in ELFFile(file).iter_sections() if s["sh_flags"] & flags == flags)


def own_size(link_map: str, objects: Iterable[Path]) -> Size:
    """The size of some object files in a program, from the map that ld.lld writes.

    Strings and constants that the linker merged with others belong to no file in the map; they are counted as the
    objects have them.
    """
    objects = list(objects)
    own = set(map(str, objects))
    own_ends = tuple(own)  # most lines are a library's; matching them all would take longer than linking
    total = dict.fromkeys(SECTION_KINDS, 0)
    total["rodata"] = sum(map(_mergeable, objects))
    for line in link_map.splitlines():
        if not line.rpartition(":(")[0].endswith(own_ends):
            continue
        entry = re.fullmatch(r"\s*[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+\s+(.+):\(([^()]+)\)", line)
        if entry and entry[2] in own:
            for kind, names in SECTION_KINDS.items():
                if entry[3].startswith(names):
                    total[kind] += int(entry[1], 16)
    return Size(**total)
