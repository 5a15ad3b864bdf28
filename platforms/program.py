"""From sources to a measurement: compile with any compiler, link for a platform, run, remember.

Measurements of platforms that always count the same are kept in the cache folder by the program's contents, so equal
programs run once.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile

from mlcomp.platforms.measurement import Limits, Measurement, PlatformError, Size
from mlcomp.platforms.platform import Platform, cache_folder, digest

COMPILE_SECONDS = 300
NOTHING = Size()


@dataclass(frozen=True)
class Source:
    """A file to compile, and flags for it alone."""

    path: Path
    flags: tuple[str, ...] = ()


def find_compiler(words: Sequence[str]) -> list[str]:
    """The command of a compiler: its file, the one beside this Python, or on the path; raises `PlatformError`."""
    beside = Path(sys.executable).parent / words[0]
    found = str(beside) if beside.exists() else shutil.which(words[0])
    if not found:
        raise PlatformError(f"there is no compiler '{words[0]}'")
    return [found, *words[1:]]


def compile_source(platform: Platform, compiler: Sequence[str], source: Source, out: Path) -> None:
    """Compiles one file; raises `PlatformError` with the compiler's first error."""
    command = [
        *compiler[:1],
        *platform.compile_flags,
        *source.flags,
        *compiler[1:],
        "-c",
        str(source.path),
        "-o",
        str(out),
    ]
    # What a compiler warns about is not what is measured; that it did not use its policy is.
    environment = {**os.environ, "MLCC_STRICT": "1"}
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=COMPILE_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise PlatformError(f"compiling {source.path} took more than {COMPILE_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines() or [f"exit code {done.returncode}"]
        raise PlatformError(next((line for line in lines if "error" in line), lines[0]))


def build(platform: Platform, compiler: Sequence[str], sources: Sequence[Source], folder: Path) -> tuple[Path, Size]:
    """A linked program in `folder`, and the size of what was compiled."""
    objects = []
    for number, source in enumerate(sources):
        objects.append(folder / f"{number}-{source.path.stem}.o")
        compile_source(platform, compiler, source, objects[-1])
    program = folder / "program.elf"
    return program, platform.link(objects, program)


def contents(program: Path) -> str:
    """A name for what a program does: its loaded bytes, where they are, and where it starts."""
    parts = []
    with program.open("rb") as file:
        elf = ELFFile(file)
        for segment in elf.iter_segments("PT_LOAD"):
            parts += [f"{segment['p_vaddr']} {segment['p_memsz']}".encode(), segment.data()]
        parts.append(str(elf["e_entry"]).encode())
    return digest(parts)


def _store(platform: Platform, program: Path, limits: Limits) -> Path:
    key = digest([contents(program).encode(), platform.fingerprint().encode(), repr(limits).encode()])
    return cache_folder() / "measurements" / platform.name / key[:2] / f"{key}.json"


def _remember(path: Path, measurement: Measurement) -> None:
    table = {**asdict(measurement), "output": base64.b64encode(measurement.output).decode(), "size": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(table, file)
    Path(file.name).replace(path)


def _recall(path: Path) -> Measurement | None:
    try:
        table = json.loads(path.read_text())
        return Measurement(**{**table, "output": base64.b64decode(table["output"]), "size": NOTHING})
    except (OSError, ValueError, TypeError, KeyError):  # not there, or written by another version
        return None


def measure(platform: Platform, program: Path, size: Size, limits: Limits, remember: bool = True) -> Measurement:
    """Runs a linked program, or recalls what its run gave."""
    if not (remember and platform.repeatable):
        return platform.run(program, limits, size)
    path = _store(platform, program, limits)
    known = _recall(path)
    if known is None:
        known = platform.run(program, limits, size)
        _remember(path, known)
    return replace(platform.complete(known), size=size)


def failed(problem: str) -> Measurement:
    """The measurement of a program that does not exist."""
    return Measurement(problem, 0, b"", {}, None, NOTHING)


def build_and_measure(
    platform: Platform, compiler: Sequence[str], sources: Sequence[Source], limits: Limits, remember: bool = True
) -> Measurement:
    """All of it; what does not compile, link or run comes back as a problem."""
    with tempfile.TemporaryDirectory(prefix="mlcomp-") as folder:
        try:
            program, size = build(platform, compiler, sources, Path(folder))
            return measure(platform, program, size, limits, remember)
        except PlatformError as problem:
            return failed(f"cannot be built: {problem}")


def compare(
    platform: Platform,
    compilers: Sequence[Sequence[str]],
    sources: Sequence[Source],
    limits: Limits,
    jobs: int,
    remember: bool = True,
) -> list[Measurement]:
    """One program under several compilers. A result that differs from the first good one is a problem too."""
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(lambda c: build_and_measure(platform, c, sources, limits, remember), compilers))
    good = next((r for r in results if not r.problem), None)
    if good is None:
        return results
    return [
        r if r.problem or r.output == good.output else replace(r, problem=f"differs from the first: {_short(r.output)}")
        for r in results
    ]


def _short(output: bytes) -> str:
    text = output.decode(errors="replace").strip().replace("\n", " / ")
    return f"'{text[:60]}'" if text else "no output"
