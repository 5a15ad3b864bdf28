"""Runs a command line under clang and under mlcc in the same folder, and says how the outcomes differ.

`{O}` in a line stands for the level: `-Oz` for clang, `-O=ml-size` for mlcc. mlcc is run with two policies.
`keep` searches and ends with the baseline, so that everything must be clang's to the byte. `change` makes other code
without measuring, so that the names of the files, and what the program does, must be clang's.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from installation import Installation

POLICIES = ("keep", "change")
EFFORTS = {"keep": "1", "change": "0"}


@dataclass(frozen=True)
class Outcome:
    """All that a user sees of a command: what it printed, how it ended, which files it left."""

    code: int
    stdout: bytes
    stderr: bytes
    files: Mapping[str, bytes]


class Pair:
    """clang and mlcc, side by side in `folder`."""

    def __init__(self, installation: Installation, clang: str, folder: Path) -> None:
        self.installation = installation
        self.clang = clang
        self.folder = folder

    def write(self, files: Mapping[str, str]) -> None:
        """Makes files that a command line needs."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def outcome(self, command: list[str | Path], standard_input: bytes | None = None, **environment: str) -> Outcome:
        """Runs a command, then takes away what it has made."""
        before = self._files()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.installation.environment | environment,
            input=standard_input or b"",
            capture_output=True,
            check=False,
        )
        after = self._files()
        for name in after.keys() - before.keys():
            self.folder.joinpath(name).unlink()
        for name in before.items() - after.items():
            self.folder.joinpath(name[0]).write_bytes(name[1])
        return Outcome(done.returncode, done.stdout, done.stderr, dict(sorted(after.items() - before.items())))

    def _files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    def clangs(self, line: str, standard_input: bytes | None = None, cxx: bool = False, **environment: str) -> Outcome:
        """What clang does."""
        program = self.clang.replace("clang-", "clang++-") if cxx else self.clang
        return self.outcome([program, *shlex.split(line.replace("{O}", "-Oz"))], standard_input, **environment)

    def mlccs(
        self, line: str, policy: str, standard_input: bytes | None = None, cxx: bool = False, **environment: str
    ) -> Outcome:
        """What mlcc does with a policy, strictly."""
        program = self.installation.bin / ("mlcc++" if cxx else "mlcc")
        words = shlex.split(line.replace("{O}", "-O=ml-size"))
        more = {"MLCC_STRICT": "1", "MLCC_POLICY": str(self.installation.root / policy), "MLCC_EFFORT": EFFORTS[policy]}
        return self.outcome([program, *words], standard_input, **(more | environment))

    def check(self, line: str, standard_input: bytes | None = None, cxx: bool = False, **environment: str) -> Outcome:
        """Asserts that mlcc does what clang does; gives the outcome."""
        expected = self.clangs(line, standard_input, cxx, **environment)
        if "{O}" not in line:
            assert self.mlccs(line, "keep", standard_input, cxx, **environment) == expected
            return expected
        assert self.mlccs(line, "keep", standard_input, cxx, **environment) == expected
        changed = self.mlccs(line, "change", standard_input, cxx, **environment)
        assert (changed.code, changed.stderr, set(changed.files)) == (
            expected.code,
            expected.stderr,
            set(expected.files),
        )
        return changed

    def run(self, outcome: Outcome, program: str = "out", **environment: str) -> Outcome:
        """Runs a program that an outcome has."""
        path = self.folder / program
        path.write_bytes(outcome.files[program])
        path.chmod(0o755)
        ended = self.outcome([path], **environment)
        path.unlink()
        return ended

    def check_program(self, line: str, cxx: bool = False, **environment: str) -> None:
        """The same, and the program `out` that comes out does the same, its files' names included."""
        with_clang = self.run(self.clangs(line, cxx=cxx), **environment)
        with_mlcc = self.run(self.check(line, cxx=cxx), **environment)
        seen: Callable[[Outcome], object] = lambda o: (o.code, o.stdout, o.stderr, set(o.files))  # noqa: E731
        assert seen(with_mlcc) == seen(with_clang)
