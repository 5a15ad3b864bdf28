"""Sanitizers, coverage, profiles and control-flow integrity: what the program reports is what it reports with clang."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from behaviour import Outcome, Pair

PROGRAM = """#include <stdio.h>
#include <stdlib.h>
int table[8] = {1, 2, 3};
__attribute__((noinline)) int pick(int i) { return i > 3 ? table[i & 7] : -i; }
int main(int argc, char **argv) {
  int sum = 0;
  for (int i = 0; i < 100 * argc; i++) sum += pick(i);
  printf("%d\\n", sum);
  return 0;
}
"""
BAD = {
    "address": "#include <stdlib.h>\nint main(int n, char **v) { char *p = malloc(4); free(p); return p[n]; }\n",
    "undefined": "int main(int n, char **v) { int x = 0x7fffffff; x += n; return x == 1; }\n",
    "memory": "#include <stdio.h>\n#include <stdlib.h>\nint main(int n, char **v) {"
    "volatile int *p = malloc(8); if (p[n]) puts(v[0]); return 0; }\n",
    "thread": "#include <pthread.h>\nint x;\nvoid *f(void *p) { x++; return p; }\nint main(void) { pthread_t t;"
    "pthread_create(&t, 0, f, 0); x++; pthread_join(t, 0); return 0; }\n",
}


def reported(outcome: Outcome) -> tuple[int, list[str]]:
    """The exit code and the headlines of a sanitizer's report, without addresses."""
    text = outcome.stderr.decode(errors="replace")
    lines = [line.split(": ", 1)[-1].split(" on address")[0] for line in text.splitlines() if "SUMMARY" in line]
    return outcome.code, [line.split(" /")[0].split(" (")[0] for line in lines]


@pytest.mark.parametrize("kind", list(BAD))
def test_sanitizers_find_what_they_find_with_clang(pair: Pair, kind: str) -> None:
    pair.write({"a.c": BAD[kind]})
    line = f"{{O}} -g -fsanitize={kind} -fno-sanitize-recover=all a.c -o out"
    expected, made = (pair.run(o) for o in (pair.clangs(line), pair.check(line)))
    assert reported(made) == reported(expected)
    assert expected.code != 0 and b"SUMMARY" in expected.stderr


@pytest.mark.parametrize(
    "line",
    [
        "{O} -fsanitize=address,undefined a.c -o out",
        "{O} -fsanitize=cfi -flto -fvisibility=hidden -fuse-ld=lld a.c -o out",
        "{O} -fsanitize=cfi -flto=thin -fvisibility=hidden -fuse-ld=lld a.c -o out",
        "{O} -fsanitize=safe-stack a.c -o out",
        "{O} -fsanitize=undefined -fsanitize-minimal-runtime a.c -o out",
        "{O} -fxray-instrument a.c -o out",
        "{O} -pg a.c -o out",
        "{O} --coverage a.c -o out",
        "{O} -finstrument-functions -c a.c",
        "{O} -fsanitize-coverage=trace-pc-guard -c a.c",
        "{O} -fpatchable-function-entry=2 a.c -o out",
    ],
)
def test_instrumented_programs_work(pair: Pair, line: str) -> None:
    pair.write({"a.c": PROGRAM})
    if " -c " in line:
        pair.check(line)
    else:
        pair.check_program(line)


def test_coverage_counts_what_it_counts_with_clang(pair: Pair) -> None:
    pair.write({"a.c": PROGRAM})

    def report(built: Outcome) -> str:
        ran = pair.run(built, LLVM_PROFILE_FILE=str(pair.folder / "raw"))
        for name, contents in (("raw", ran.files["raw"]), ("out", built.files["out"])):
            pair.folder.joinpath(name).write_bytes(contents)
        subprocess.run(["llvm-profdata-19", "merge", "raw", "-o", "data"], cwd=pair.folder, check=True)
        shown = subprocess.run(
            ["llvm-cov-19", "show", "out", "-instr-profile=data"], cwd=pair.folder, check=True, capture_output=True
        )
        for name in ("raw", "out", "data"):
            pair.folder.joinpath(name).unlink()
        return shown.stdout.decode()

    line = "{O} -fprofile-instr-generate -fcoverage-mapping a.c -o out"
    assert report(pair.check(line)) == report(pair.clangs(line))


@pytest.mark.parametrize("generate", ["-fprofile-generate=.", "-fprofile-instr-generate=raw"])
def test_a_profile_is_made_and_used_as_by_clang(pair: Pair, generate: str) -> None:
    pair.write({"a.c": PROGRAM})
    ran = pair.run(pair.check(f"{{O}} {generate} a.c -o out"))
    (raw,) = ran.files
    pair.folder.joinpath(raw).write_bytes(ran.files[raw])
    subprocess.run(["llvm-profdata-19", "merge", raw, "-o", "data"], cwd=pair.folder, check=True)
    use = "-fprofile-use=data" if "instr" not in generate else "-fprofile-instr-use=data"
    pair.check_program(f"{{O}} {use} -Werror a.c -o out")


def test_gcov_files_are_where_clang_puts_them(pair: Pair) -> None:
    pair.write({"a.c": PROGRAM})
    expected, made = pair.clangs("{O} --coverage -c a.c -o a.o"), pair.mlccs("{O} --coverage -c a.c -o a.o", "change")
    assert set(expected.files) == set(made.files) == {"a.o", "a.gcno"}
    assert not list(Path(pair.folder).glob("*.gcda"))
