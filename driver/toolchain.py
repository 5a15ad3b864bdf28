"""Finds clang, and tells its version, without running it where that is possible."""

from __future__ import annotations

import os

from mlcomp.driver.cache import cache_folder, write_atomically
from mlcomp.driver.diagnostics import LLVM_MAJOR, DriverError


class Clang:
    """A clang to execute: `path`, and `arguments` that must come first."""

    def __init__(self, path: str, *arguments: str) -> None:
        self.path = path
        self.arguments = arguments


def find_clang(cxx: bool = False, own_program: str = "") -> Clang:
    """The clang that `MLCC_CLANG` or PATH gives; raises `DriverError` if there is none.

    With `cxx` it is clang++. `own_program` is what was executed: a link to it must not be taken for clang.
    """
    own = os.path.realpath(own_program)
    if setting := os.environ.get("MLCC_CLANG"):
        path = setting if "/" in setting else _search(setting, own)
        if not path or not _is_program(path):
            raise DriverError(f"MLCC_CLANG='{setting}' is not a program; set it to clang {LLVM_MAJOR}")
        folder, slash, name = path.rpartition("/")
        sibling = folder + slash + name.replace("clang", "clang++", 1)
        if not cxx or "clang++" in name:
            return Clang(path)
        return Clang(sibling) if name != "clang" and _is_program(sibling) else Clang(path, "--driver-mode=g++")
    for suffix in (f"-{LLVM_MAJOR}", ""):
        found = ""
        for name, first in (("clang++", ()), ("clang", ("--driver-mode=g++",))) if cxx else (("clang", ()),):
            path = _search(name + suffix, own)
            if path and (suffix or major_version(path) == LLVM_MAJOR):
                return Clang(path, *first)
            found = found or path
        if found:
            raise DriverError(f"{found} is not clang {LLVM_MAJOR}; install clang-{LLVM_MAJOR} or set MLCC_CLANG to one")
    raise DriverError(f"clang {LLVM_MAJOR} was not found; install clang-{LLVM_MAJOR} or set MLCC_CLANG to it")


def _is_program(path: str) -> bool:
    return os.access(path, os.X_OK) and not os.path.isdir(path)


def _search(name: str, own: str) -> str:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if _is_program(path) and os.path.realpath(path) != own:
            return path
    return ""


def major_version(path: str) -> int:
    """clang's major version: from its name, its folder, the cache or itself; 0 if it tells none."""
    name = path.rpartition("/")[2]
    real = os.path.realpath(path)
    named = name.rpartition("-")[2] if "clang" in name else ""
    if named.isdecimal():
        return int(named)
    for part in real.split("/"):
        number = part.rpartition("-")[2]
        if part.startswith(("llvm-", "clang-")) and number.isdecimal():
            return int(number)
    status = os.stat(real)
    key = f"{status.st_mtime_ns} {status.st_size} {real}"
    folder = cache_folder()
    lines: list[str] = []
    if folder:
        try:
            with open(os.path.join(folder, "clang-versions"), encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError:
            pass
    for line in lines:
        major, _, rest = line.partition(" ")
        if rest == key and major.isdecimal():
            return int(major)
    answer = _ask_version(path)
    if folder:
        text = "\n".join([*lines[-63:], f"{answer} {key}", ""])
        write_atomically(os.path.join(folder, "clang-versions"), os.fsencode(text))
    return answer


def linker_of(clang: str, arguments: list[str]) -> str:
    """The program that clang would link with, by what `-###` prints; empty if it tells none."""
    import subprocess

    command = [clang, "-###", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    last = done.stderr.decode(errors="surrogateescape").rstrip().rpartition("\n")[2].strip()
    return last[1:].partition('"')[0] if done.returncode == 0 and last[:1] == '"' else ""


def is_lld(linker: str) -> bool:
    """Whether a linker's name or path is ld.lld's, or what `-fuse-ld` calls it."""
    name = linker.rpartition("/")[2].removesuffix(".exe").removeprefix("ld.")
    return name.partition("-")[0] == "lld"


def _ask_version(path: str) -> int:
    import subprocess  # slow to import, and the answer is remembered

    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return 0
    _, found, rest = done.stdout.partition(b"clang version ")
    major = rest.partition(b".")[0]
    return int(major) if found and major.isdigit() else 0
