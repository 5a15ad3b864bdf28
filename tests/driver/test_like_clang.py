"""mlcc with the real clang behind it does what clang does."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from installation import Installation

PROGRAM = """#include <stdint.h>
uint32_t checksum(const uint8_t *data, int n) {
  uint32_t sum = 0;
  for (int i = 0; i < n; i++) sum = sum * 31 + data[i];
  return sum;
}
int main(void) { return checksum((const uint8_t *)"abc", 3) == 0; }
"""


@pytest.fixture
def source(in_folder: Path) -> Path:
    path = in_folder / "prog.c"
    path.write_text(PROGRAM)
    return path


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--version",
        "-dumpversion",
        "-dumpmachine",
        "-print-search-dirs",
        "-no-such-option",
        "missing.c",
        "-E prog.c",
        "-M prog.c",
        "-fsyntax-only prog.c",
        "-S -O2 prog.c -o -",
        "-O1 -c prog.c -o prog.o",
        "prog.c -o prog",
        "-c prog.c -Werror -Wall -Wextra",
        "-### -c prog.c",
        "@missing",
    ],
)
def test_output_and_exit_code_are_clangs(real_mlcc: Installation, clang: str, source: Path, line: str) -> None:
    def outcome(program: str | Path) -> tuple[int, bytes, bytes, dict[str, bytes]]:
        done = subprocess.run(
            [program, *line.split()],
            env=real_mlcc.environment,
            cwd=source.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        made = {f.name: f.read_bytes() for f in source.parent.iterdir() if f != source}
        for name in made:
            source.with_name(name).unlink()
        return done.returncode, done.stdout, done.stderr, made

    assert outcome(real_mlcc.bin / "mlcc") == outcome(clang)


def test_objects_are_clangs_at_the_mapped_level_when_disabled(
    real_mlcc: Installation, clang: str, source: Path
) -> None:
    real_mlcc.add_policy("x86_64-size")
    arguments = ["-c", str(source), "-o"]
    done = real_mlcc.run("-O=ml-size", *arguments, source.with_name("a.o"), MLCC_DISABLE="1")
    assert (done.returncode, done.stderr) == (0, "")
    subprocess.run([clang, "-Oz", *arguments, source.with_name("b.o")], check=True)
    assert source.with_name("a.o").read_bytes() == source.with_name("b.o").read_bytes()


def test_standard_input_is_compiled(real_mlcc: Installation, source: Path) -> None:
    done = subprocess.run(
        [real_mlcc.bin / "mlcc", "-x", "c", "-", "-S", "-o", "-"],
        env=real_mlcc.environment,
        input=PROGRAM,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "checksum:" in done.stdout


@pytest.mark.parametrize("arguments", [["-c", "a.c"], ["-O=ml", "-c", "a.c"]])
def test_signals_have_their_default_meaning_for_clang(mlcc: Installation, arguments: list[str]) -> None:
    mlcc.tools.joinpath("clang-19").write_text("#!/bin/sh\nexec /bin/grep SigIgn /proc/self/status\n")
    ignored = int(mlcc.run(*arguments).stdout.split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))


def test_a_death_by_signal_is_passed_on(mlcc: Installation) -> None:
    mlcc.tools.joinpath("clang-19").write_text("#!/bin/sh\nkill -SEGV $$\n")
    assert mlcc.run("-c", "a.c").returncode == -signal.SIGSEGV


def test_mlccxx_compiles_cxx(real_mlcc: Installation, in_folder: Path) -> None:
    in_folder.joinpath("a.cc").write_text("#include <new>\nint *f() { return new int(3); }\nint main() { f(); }\n")
    done = real_mlcc.run("a.cc", "-o", "a", program="mlcc++", cwd=in_folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([in_folder / "a"], check=False).returncode == 0
