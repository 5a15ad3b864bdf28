"""Compiles one program for a target in many ways, runs what comes out, and compares it with -O0.

In: a program, configurations. Out: how each configuration ended. Object files that are equal are run once.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mlcomp.fuzzing.configurations import Configuration
from mlcomp.fuzzing.programs import Program
from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.session import Session
from mlcomp.platforms.measurement import Limits, PlatformError, Size
from mlcomp.platforms.platform import Platform, digest, find_platform, find_program

PLATFORMS = {"riscv32": "ibex-fast", "thumb": "cortex-m4", "x86_64": "host"}
LIMIT = 20_000_000  # cycles or instructions of the program at -O0
SECONDS = 2  # of CPU at -O0, on this machine
SLOWER = 4  # a build may take so many times longer than -O0
COMPILE_MILLISECONDS = 30_000
SANITIZERS = (
    ("-fsanitize=address,undefined,float-divide-by-zero", "-fno-sanitize-recover=all"),
    ("-fsanitize=memory",),
)
TRAPS = ("-fsanitize=undefined", "-fsanitize-trap=undefined")  # on the target, where types have other widths


@dataclass(frozen=True)
class Behaviour:
    """What a run shows: how it ended, and its output."""

    end: str  # `exit N`, or what went wrong
    output: bytes

    def __str__(self) -> str:
        return f"{self.end}, {self.output[-60:]!r}"


@dataclass(frozen=True)
class Result:
    """How one configuration ended: `same`, `different` or `failed` (no object file came out)."""

    configuration: Configuration
    verdict: str
    detail: str = ""


class DiscardedError(Exception):
    """A program that is no use; the message says why in a word or two."""


class Bench:
    """One program for one target; raises `DiscardedError` if it is no use.

    Parameters
    ----------
    program : Program
    target : str
        Of `platforms/targets.toml`.
    folder : Path
        Scratch space for this program.
    """

    def __init__(self, program: Program, target: str, folder: Path) -> None:
        self.program = program
        self.platform = find_platform(PLATFORMS[target])
        self.source = folder / "program.c"
        self.source.write_text(program.text)
        self.folder = folder
        self.flags = [*self.platform.compile_flags, *program.flags]
        self.runs = 0
        self._known: dict[str, Behaviour] = {}
        self._cycles, self._seconds = LIMIT, SECONDS
        self.expected = self._run(self.clang("-O0"))
        self._cycles, self._seconds = LIMIT * SLOWER, SECONDS * SLOWER
        if not self.expected.end.startswith("exit"):
            raise DiscardedError(f"at -O0: {self.expected.end.partition('(')[0].strip()}")
        self._check_traps()

    def clang(self, *flags: str) -> bytes:
        """The object file that clang itself makes; raises `DiscardedError` if it makes none."""
        out = self.folder / "clang.o"
        command = [find_program("clang-19"), *self.flags, *flags, "-c", str(self.source), "-o", str(out)]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            raise DiscardedError("compiling takes too long") from None
        if done.returncode:
            raise DiscardedError("does not compile")
        return out.read_bytes()

    def _check_traps(self) -> None:
        """Throws out what has undefined behaviour on the target."""
        if self.platform.target_name != "x86_64" and self._run(self.clang("-O0", *TRAPS)) != self.expected:
            raise DiscardedError("undefined behaviour on the target")

    def results(self, configurations: Sequence[Configuration]) -> Iterator[Result]:
        """The verdict on each configuration."""
        key = lambda c: (c.level, c.sequence)  # noqa: E731
        for level, of_level in groupby(sorted(configurations, key=key), lambda c: c.level):
            try:
                session = Session.from_source(self.source, self.flags, level)
            except NativeError as problem:
                raise DiscardedError(f"no module: {problem}") from problem
            with session:
                for sequence, group in groupby(of_level, lambda c: c.sequence):
                    yield from self._of_sequence(session, sequence, list(group))

    def _of_sequence(self, session: Session, sequence: tuple[str, ...], group: list[Configuration]) -> Iterable[Result]:
        try:
            made = session.compile_all(sequence, [c.options for c in group], COMPILE_MILLISECONDS)
        except NativeError as problem:
            return [Result(c, "failed", str(problem)) for c in group]
        return [
            self.verdict(c, m.contents) if m else Result(c, "failed", "no object file")
            for c, m in zip(group, made, strict=True)
        ]

    def verdict(self, configuration: Configuration, contents: bytes) -> Result:
        """Whether an object file does what the program does at -O0."""
        behaviour = self._run(contents)
        if behaviour == self.expected:
            return Result(configuration, "same")
        return Result(configuration, "different", f"{behaviour} in place of {self.expected}")

    def _run(self, contents: bytes) -> Behaviour:
        key = digest([contents])
        if key not in self._known:
            self.runs += 1
            self._known[key] = run_object(self.platform, contents, self.folder, self._cycles, self._seconds)
        return self._known[key]


def run_object(platform: Platform, contents: bytes, folder: Path, cycles: int, seconds: int) -> Behaviour:
    """What the program of one object file does."""
    path, program = folder / "object.o", folder / "program.elf"
    path.write_bytes(contents)
    try:
        platform.link([path], program)
        if platform.name == "host":
            return _run_here(program, seconds)
        measured = platform.run(program, Limits(cycles=cycles, output=1 << 16), Size())
    except PlatformError as problem:
        return Behaviour(f"problem: {problem}", b"")
    ended = not measured.problem or measured.problem.startswith("returned")
    return Behaviour(f"exit {measured.code}" if ended else measured.problem, measured.output)


def _run_here(program: Path, seconds: int) -> Behaviour:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    with tempfile.TemporaryFile() as sink:
        code = subprocess.run(
            [program], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, preexec_fn=limit, env={}, check=False
        ).returncode
        sink.seek(0)
        output = sink.read(1 << 16)
    return Behaviour(f"exit {code}" if code >= 0 else f"signal {-code}", output)


def check_defined(program: Program, folder: Path) -> None:
    """Raises `DiscardedError` if sanitizers find undefined behaviour in a run on this machine."""
    source, binary = folder / "checked.c", folder / "checked"
    source.write_text(program.text)
    for flags in SANITIZERS:
        command = [find_program("clang-19"), *program.flags, "-O0", *flags, str(source), "-o", str(binary), "-lm"]
        if subprocess.run(command, capture_output=True, check=False, timeout=60).returncode:
            raise DiscardedError("does not compile")
        if not _run_here_sanitized(binary):
            raise DiscardedError("undefined behaviour")


def _run_here_sanitized(binary: Path) -> bool:
    """Whether a run ends without a complaint; a sanitizer reports on standard error."""
    try:
        done = subprocess.run(
            [binary], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=10, env={"PATH": "/"}
        )
    except subprocess.TimeoutExpired:
        raise DiscardedError("runs too long") from None
    return not done.stderr and done.returncode >= 0
