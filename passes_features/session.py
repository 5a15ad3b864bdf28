"""`Session`: one module that actions are applied to, with the compiler's own features and sizes.

Loads bitcode, textual IR or C; applies actions (see `actions.toml`); gives the features of `features.toml`
and the sizes of the object file. It is the same C++ core that runs in the clang plugin.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import itertools
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from mlcomp.driver.toolchain import find_clang
from mlcomp.passes_features.native import ErrorSlot, NativeError, Size, library, take_string

Features = npt.NDArray[np.float32]
Counts = npt.NDArray[np.float64]


class End(enum.IntEnum):
    """How a measurement in a child ended."""

    MEASURED = 0
    CRASHED = 1
    TIMED_OUT = 2
    OUT_OF_MEMORY = 3
    REFUSED = 4  # code generation reported an error


@dataclass(frozen=True)
class ObjectSize:
    """Bytes of an object file's allocated sections; unwind tables, which firmware drops, apart."""

    text: int
    rodata: int
    data: int
    bss: int
    unwind: int = 0

    @property
    def flash(self) -> int:
        """What is stored in flash: everything but bss and unwind tables."""
        return self.text + self.rodata + self.data

    @property
    def ram(self) -> int:
        """What is reserved in RAM before the stack."""
        return self.data + self.bss

    @classmethod
    def of(cls, size: Size) -> ObjectSize:
        """From the C ABI's structure."""
        return cls(size.text, size.rodata, size.data, size.bss, size.unwind)


@dataclass(frozen=True)
class Trial:
    """What trying one sequence gave: a size for each set of options (None where it failed)."""

    sizes: list[ObjectSize | None]
    ends: list[End]
    features: Features  # of the optimised module; NaN where the sequence failed or is empty


@dataclass(frozen=True)
class Compiled:
    """An object file, for each of its functions a line of JSON (what it executes, as estimated), and features."""

    contents: bytes
    functions: str
    features: Features  # of the optimised module


@functools.cache
def machine_kinds() -> list[str]:
    """The kinds of instructions and events in machine counts, in order."""
    return _names(library().mlcomp_machine_kind)


@functools.cache
def crossing_kinds() -> list[str]:
    """The kinds of crossings in machine counts, in order."""
    return _names(library().mlcomp_crossing_kind)


def _names(name_of: Callable[[int], Any]) -> list[str]:
    return [name.decode() for name in itertools.takewhile(bool, map(name_of, itertools.count()))]


@dataclass(frozen=True)
class ProgramCounts:
    """What a program of compiled modules executes and what it consists of, each by `machine_kinds()`.

    `crossings` are jumps to instructions that lie in two words, by `crossing_kinds()`; None where a core does not mind.
    `source` says how often the blocks of the source run, for the counts of other candidates of the same program.
    """

    executed: Counts
    code: Counts
    crossings: Counts | None
    source: str


def machine_counts(units: Sequence[str], known: str = "", program: bytes = b"") -> ProgramCounts:
    """Counts of a program from its modules' `Compiled.functions`, of sessions that have probes.

    Executions are for one run from main, or for one call of each function that nothing calls: by `known` source
    counts, by LLVM's estimates where there are none. What is linked of these modules, in this order, tells where the
    code is; without it that is left to chance. Raises `NativeError` for what is no machine profile or no program.
    """
    kinds = len(machine_kinds())
    out = np.zeros(2 * kinds + len(crossing_kinds()))
    lines = (ctypes.c_char_p * len(units))(*[unit.encode() for unit in units])
    error, source = ErrorSlot(), ctypes.c_void_p()
    failed = library().mlcomp_machine_counts(
        lines, len(units), known.encode(), program, len(program), out.ctypes.data, ctypes.byref(source), error.ref
    )
    error.raise_if(failed)
    crossings = None if np.isnan(out[-1]) else out[2 * kinds :]
    return ProgramCounts(out[:kinds], out[kinds : 2 * kinds], crossings, take_string(source.value).decode())


def feature_names() -> list[str]:
    """Names of the features, in the order of `Session.features()`."""
    lib = library()
    return [lib.mlcomp_feature_name(i).decode() for i in range(lib.mlcomp_feature_count())]


def verify_steps(*, passes: bool) -> None:
    """From now on, run LLVM's verifier after every action, and in new sessions after every pass if `passes`.

    A sequence that breaks its module fails then.
    """
    library().mlcomp_verify_steps(int(passes))


class Session:
    """A module under optimisation. Not for several threads: LLVM's options are global to the process.

    Parameters
    ----------
    contents : bytes
        LLVM bitcode or textual IR, as LLVM 19 reads it.
    level : str
        The -O level that clang was given: O1, O2, O3, Os or Oz. It decides vectorisation and unrolling
        defaults, as in clang.
    function_sections : bool
        Whether code is generated with -ffunction-sections -fdata-sections.

    Raises
    ------
    NativeError
        If the contents are not a valid module or its target is unknown.
    """

    def __init__(self, contents: bytes, level: str = "Oz", function_sections: bool = True) -> None:
        error = ErrorSlot()
        self._handle = library().mlcomp_session_create(
            contents, len(contents), level.encode(), int(function_sections), error.ref
        )
        error.raise_if(not self._handle)

    @classmethod
    def from_bitcode(cls, contents: bytes, level: str = "Oz", function_sections: bool = True) -> Session:
        """A session on bitcode (or IR) in memory."""
        return cls(contents, level, function_sections)

    @classmethod
    def from_file(cls, path: str | Path, level: str = "Oz", function_sections: bool = True) -> Session:
        """A session on a .bc or .ll file."""
        return cls(Path(path).read_bytes(), level, function_sections)

    @classmethod
    def from_source(
        cls, path: str | Path, flags: Sequence[str] = (), level: str = "Oz", clang: str | None = None
    ) -> Session:
        """A session on a C or C++ file, compiled with `flags` but not optimised.

        Raises `NativeError` with clang's first error if the file does not compile.
        """
        command = [clang or find_clang().path, *flags, f"-{level}", "-Xclang", "-disable-llvm-passes"]
        command += ["-emit-llvm", "-c", str(path), "-o", "-"]
        run = subprocess.run(command, capture_output=True, check=False)
        if run.returncode:
            lines = run.stderr.decode(errors="replace").splitlines()
            first = next((line for line in lines if "error" in line), f"clang failed on {path}")
            raise NativeError(first)
        return cls(run.stdout, level, "-ffunction-sections" in flags)

    def close(self) -> None:
        """Frees the module. The session cannot be used afterwards."""
        if self._handle:
            library().mlcomp_session_free(self._handle)
            self._handle = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def clone(self) -> Session:
        """An independent copy, options included."""
        copy = object.__new__(Session)
        copy._handle = library().mlcomp_session_clone(self._handle)
        return copy

    def apply(self, action: str) -> None:
        """Applies one action; an option stays in force for this session. Raises `NativeError` if refused."""
        error = ErrorSlot()
        error.raise_if(library().mlcomp_session_apply(self._handle, action.encode(), error.ref))

    def check(self, action: str) -> None:
        """Raises `NativeError` if LLVM does not know the action or it is banned."""
        error = ErrorSlot()
        error.raise_if(library().mlcomp_session_check(self._handle, action.encode(), error.ref))

    def verify(self) -> None:
        """Raises `NativeError` if LLVM's verifier finds the module broken."""
        error = ErrorSlot()
        error.raise_if(library().mlcomp_session_verify(self._handle, error.ref))

    def features(self) -> Features:
        """The features of the module as it stands, float32, in the order of `feature_names()`."""
        out = np.empty(library().mlcomp_feature_count(), np.float32)
        library().mlcomp_session_features(self._handle, out.ctypes.data)
        return out

    def instructions(self) -> int:
        """Number of IR instructions."""
        return int(library().mlcomp_session_instructions(self._handle))

    def triple(self) -> str:
        """The module's target triple."""
        return str(library().mlcomp_session_triple(self._handle).decode())

    def size(self) -> ObjectSize:
        """Sizes of the object file, in bytes, of the module as it stands with the options in force."""
        error, out = ErrorSlot(), Size()
        error.raise_if(library().mlcomp_session_size(self._handle, ctypes.byref(out), error.ref))
        return ObjectSize.of(out)

    def try_sequence(
        self,
        sequence: Sequence[str],
        option_sets: Sequence[Sequence[str]] = ((),),
        cpu_milliseconds: int = 0,
    ) -> Trial:
        """Applies a sequence in a child process and measures it with each set of options.

        An empty sequence without options is clang's own pipeline. The session stays as it is. What crashes or
        takes longer than `cpu_milliseconds` (0: a limit by the module's size) is reported, not raised.
        """
        lib, error = library(), ErrorSlot()
        sets = (ctypes.c_char_p * len(option_sets))(*["\n".join(s).encode() for s in option_sets])
        sizes = (Size * len(option_sets))()
        features = np.full(lib.mlcomp_feature_count(), np.nan, np.float32)
        failed = lib.mlcomp_session_try(
            self._handle,
            "\n".join(sequence).encode(),
            sets,
            len(option_sets),
            cpu_milliseconds,
            sizes,
            features.ctypes.data,
            error.ref,
        )
        error.raise_if(failed)
        ends = [End(s.end) for s in sizes]
        measured = [ObjectSize.of(s) if s.end == End.MEASURED else None for s in sizes]
        return Trial(measured, ends, features)

    def compile(self, sequence: Sequence[str] = (), options: Sequence[str] = (), cpu_milliseconds: int = 0) -> Compiled:
        """The object file that a sequence with options makes; the session stays as it is.

        An empty sequence is clang's own pipeline. Raises `NativeError` if compiling crashes or takes longer than
        `cpu_milliseconds` (0: a limit by the module's size).
        """
        (made,) = self.compile_all(sequence, [options], cpu_milliseconds)
        if made is None:
            raise NativeError("compiling failed")
        return made

    def compile_all(
        self, sequence: Sequence[str], option_sets: Sequence[Sequence[str]], cpu_milliseconds: int = 0
    ) -> list[Compiled | None]:
        """The same for a sequence with each of several sets of options, in one child; None where compiling fails."""
        error, count, width = ErrorSlot(), len(option_sets), library().mlcomp_feature_count()
        sets = (ctypes.c_char_p * count)(*["\n".join(s).encode() for s in option_sets])
        objects, functions = (ctypes.c_void_p * count)(), (ctypes.c_void_p * count)()
        sizes, features = (ctypes.c_size_t * count)(), np.empty((count, width), np.float32)
        failed = library().mlcomp_session_compile(
            self._handle,
            "\n".join(sequence).encode(),
            sets,
            count,
            cpu_milliseconds,
            objects,
            sizes,
            functions,
            features.ctypes.data,
            error.ref,
        )
        error.raise_if(failed)
        return [
            Compiled(take_string(code, size), take_string(lines).decode(), row) if code else None
            for code, size, lines, row in zip(objects, sizes, functions, features, strict=True)
        ]

    def insert_probes(self) -> None:
        """Marks the blocks, so that `machine_counts` can relate what candidates execute. Adds no code."""
        library().mlcomp_session_insert_probes(self._handle)

    def insert_counters(self, unit: int) -> list[str]:
        """Makes the blocks count their executions in an array of 32-bit numbers, `mlcomp_counts_UNIT`.

        Returns what each element counts: a line of source counts without its number. `mlcomp_begin_counts` and
        `mlcomp_end_counts` are called before the marks of a region of interest, `mlcomp_end_main` before main returns.
        """
        text = take_string(library().mlcomp_session_insert_counters(self._handle, unit)).decode()
        return [line.rpartition(" ")[0] for line in text.splitlines()]

    def profiled_counts(self, unit: int = 0) -> str:
        """Source counts by the profile (-fprofile-use) of a module that is not optimised yet; empty without one."""
        return take_string(library().mlcomp_session_profiled_counts(self._handle, unit)).decode()

    def bitcode(self) -> bytes:
        """The module as bitcode."""
        return self._write(text=False)

    def ir(self) -> str:
        """The module as textual IR."""
        return self._write(text=True).decode()

    def _write(self, *, text: bool) -> bytes:
        size = ctypes.c_size_t()
        pointer = library().mlcomp_session_write(self._handle, int(text), ctypes.byref(size))
        return take_string(pointer, size.value)
