"""`Platform`: a place where programs run and are counted. `platforms()` lists those there are.

To add one, subclass `Platform` and name it in `platforms()`:

1. give it a name, a title, a target of `targets.toml` and its metrics, each measured or modelled;
2. `prepare` makes or finds the simulator, once, in the cache folder;
3. `link` makes a program of object files: start-up code, `roi_begin` and `roi_end`, a C library;
4. `run` executes it within limits and returns counts, output and how it ended;
5. `fingerprint` changes whenever the same program could be counted differently. Figures that a model makes of counts
   are better made by `complete`, which `run` and every recall of a measurement call: they need no new runs;
6. `tests/platforms/test_conformance.py` then tries it: add nothing there.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mlcomp.platforms.measurement import Limits, Measurement, Metric, PlatformError, Size
from mlcomp.platforms.targets import Target, targets

Report = Callable[[str], None]

HERE = Path(__file__).parent


class Platform(ABC):
    """A place where programs run and are counted; see the module for how to add one."""

    name: str
    title: str
    target_name: str
    metrics: tuple[Metric, ...]
    repeatable = True  # the same program always gives the same figures
    stands_for: str | None = None  # a slower platform of the same core: profiles of the one serve for the other

    @property
    def target(self) -> Target:
        """What code is compiled for."""
        return targets()[self.target_name]

    @property
    def compile_flags(self) -> list[str]:
        """Flags of clang for this platform's programs."""
        return self.target.compile_flags

    @abstractmethod
    def prepare(self, report: Report = lambda _: None) -> None:
        """Makes what the platform needs; raises `PlatformError` if that cannot be had."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever the same program could be counted differently. Only after `prepare`."""

    @abstractmethod
    def link(self, objects: Sequence[Path], out: Path) -> Size:
        """Links object files into the program `out`; raises `PlatformError` with the linker's complaint."""

    @abstractmethod
    def run(self, program: Path, limits: Limits, size: Size) -> Measurement:
        """Runs a program that `link` made."""

    def complete(self, measurement: Measurement) -> Measurement:
        """The measurement with all figures that are computed from its counts."""
        return measurement


@functools.cache
def platforms() -> dict[str, Platform]:
    """All platforms by name."""
    from mlcomp.platforms.cortex_m4 import CortexM4
    from mlcomp.platforms.host import Host
    from mlcomp.platforms.riscv import CV32E40P, IBEX, IBEX_BTALU, IBEX_WRITEBACK, FastIbex, Rtl

    everything = [
        *(Rtl(core) for core in (IBEX, IBEX_WRITEBACK, IBEX_BTALU, CV32E40P)),
        FastIbex(),
        CortexM4(),
        Host(),
    ]
    return {platform.name: platform for platform in everything}


def find_platform(name: str) -> Platform:
    """A platform by name; raises `PlatformError` if there is none."""
    if name not in platforms():
        raise PlatformError(f"unknown platform '{name}'; choose one of {', '.join(platforms())}")
    return platforms()[name]


def same_core(name: str) -> tuple[str, ...]:
    """`name`, and the platforms whose profiles serve for it too."""
    pairs = [(p.name, p.stands_for) for p in platforms().values() if p.stands_for]
    return (name, *(other for pair in pairs if name in pair for other in pair if other and other != name))


def cache_folder() -> Path:
    """Where simulators are kept: `$MLCOMP_CACHE`, or `mlcomp` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME")
    own = os.environ.get("MLCOMP_CACHE")
    return Path(own) if own else (Path(home) if home else Path.home() / ".cache") / "mlcomp"


def digest(parts: Iterable[bytes]) -> str:
    """A name for contents."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()[:24]


def make_once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of what `make` makes for `key`, made if it is not there; whole or not at all."""
    folder = cache_folder() / "platforms" / f"{kind}-{key}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            make(made)
            try:
                made.replace(folder)
            except OSError:
                if not folder.exists():  # another process was faster
                    raise
    return folder


def find_program(*names: str) -> str:
    """The first program of these on the path; raises `PlatformError` if there is none."""
    found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise PlatformError(f"{names[0]} is missing; run make setup")
    return found


def execute(command: Sequence[str | Path], what: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Runs a command that must succeed; raises `PlatformError` with its first line of complaint."""
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        text = (done.stderr + b"\n" + done.stdout).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower() or "undefined" in line]
        reason = (errors or lines or [f"exit code {done.returncode}"])[0]
        raise PlatformError(f"{what}: {reason}")
    return done  # type: ignore[no-any-return]
