"""Places and processes: read-only or missing homes, many compilations at once, nothing left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from behaviour import Pair

SOURCE = "int f(int x) { int y = x; return y * 3; }\n"


@pytest.mark.parametrize("home", [None, "", "/nonexistent/home", "/proc", "relative"])
def test_any_home_will_do(pair: Pair, home: str | None) -> None:
    pair.write({"a.c": SOURCE})
    environment = dict(pair.installation.environment)
    environment.pop("HOME")
    environment |= {} if home is None else {"HOME": home}
    environment |= {"MLCC_STRICT": "1", "MLCC_POLICY": str(pair.installation.root / "change")}
    done = subprocess.run(
        [pair.installation.bin / "mlcc", "-O=ml-size", "-c", "a.c"],
        cwd=pair.folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert sorted(p.name for p in pair.folder.iterdir()) == ["a.c", "a.o"]


def test_nothing_is_left_in_the_folder_for_temporary_files(pair: Pair, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    pair.write({"a.c": SOURCE, "main.c": "int main(void) { return 0; }\n"})
    for line in (
        "{O} a.c main.c -o out",
        "{O} -g -c a.c",
        "{O} -flto -fuse-ld=lld a.c main.c -o out",
        "{O} -c missing.c",
    ):
        for policy in ("keep", "change"):
            pair.mlccs(line, policy, TMPDIR=str(scratch))
            assert list(scratch.iterdir()) == []


def test_parallel_make_gives_what_one_job_gives(pair: Pair) -> None:
    pair.write({f"f{i}.c": f"int f{i}(int x) {{ return x * {i} + (x >> {i % 7}); }}\n" for i in range(12)})
    pair.write({"Makefile": "all: $(patsubst %.c,%.o,$(wildcard f*.c))\n", "log": ""})
    environment = pair.installation.environment | {"MLCC_STRICT": "1"}
    environment |= {"MLCC_POLICY": str(pair.installation.root / "change"), "MLCC_LOG": "log"}

    def built(jobs: str) -> dict[str, bytes]:
        command = ["make", "-s", jobs, f"CC={pair.installation.bin / 'mlcc'}", "CFLAGS=-O=ml-size"]
        done = subprocess.run(command, cwd=pair.folder, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        made = {p.name: p.read_bytes() for p in pair.folder.glob("*.o")}
        for name in made:
            pair.folder.joinpath(name).unlink()
        return made

    assert built("-j1") == built("-j6")
    assert len(pair.folder.joinpath("log").read_text().splitlines()) == 24, "each line of the log is whole"
