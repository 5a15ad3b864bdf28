"""What breaks on the way: the object is clang's or right, or there is none and the build stops."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from behaviour import Outcome, Pair
from installation import Installation
from make_policy import constant_model, make_policy

from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.native_model import Model
from mlcomp.policies import registry
from mlcomp.policies.archive import ArchiveError, pack, unpack

SOURCE = """static int twice(int x) { return 2 * x; }
int sum(const int *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += twice(a[i]); return s; }
int main(void) { int a[4] = {1, 2, 3, 4}; return sum(a, 4) - 20; }
"""
LINE = ["-c", "a.c", "-o", "a.o"]
KIB = 1024


@pytest.fixture
def fault(pair: Pair) -> Pair:
    pair.write({"a.c": SOURCE})
    return pair


def with_policy(pair: Pair, policy: Path, effort: str = "1", *more: str, **environment: str) -> Outcome:
    """mlcc with a policy, not strictly."""
    line = [
        pair.installation.bin / "mlcc",
        "-O=ml-size",
        f"--ml-policy={policy}",
        f"--ml-effort={effort}",
        *more,
        *LINE,
    ]
    return pair.outcome(line, **environment)


def is_clangs_with_a_warning(pair: Pair, outcome: Outcome) -> bool:
    """Whether an outcome is clang's object and one line that says why."""
    expected = pair.clangs("{O} " + " ".join(LINE))
    lines = outcome.stderr.splitlines()
    return (
        (outcome.code, outcome.files) == (0, expected.files)
        and len(lines) == 1
        and lines[0].startswith(b"mlcc: warning:")
    )


def test_a_plugin_that_is_no_library_stops_the_build_and_makes_nothing(fault: Pair, tmp_path: Path) -> None:
    broken = Installation(tmp_path / "broken")
    broken.plugin.write_bytes(b"\x7fELF garbage")
    line = [broken.bin / "mlcc", "-O=ml-size", f"--ml-policy={fault.installation.root / 'keep'}", *LINE]
    made = fault.outcome(line)
    assert made.code != 0 and not made.files and b"mlcomp-plugin.so" in made.stderr


@pytest.mark.parametrize("name", ["manifest.json", "sequence.onnx", "options.onnx"])
def test_a_policy_that_is_cut_off_anywhere_is_refused(fault: Pair, tmp_path: Path, name: str) -> None:
    policy = make_policy(tmp_path / "cut", sequence_scores=[0.0, -0.5, 0.5])
    whole = (policy / name).read_bytes()
    for length in range(0, len(whole) - 1, max(len(whole) // 6, 1)):
        (policy / name).write_bytes(whole[:length])
        assert is_clangs_with_a_warning(fault, with_policy(fault, policy, "0" if length % 2 else "1"))


def shipped_files() -> list[Path]:
    return [file for name in registry.names() for file in sorted(registry.find(name).glob("*.onnx"))]


@pytest.mark.parametrize("file", shipped_files(), ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_a_model_cut_off_at_every_kib_is_refused(tmp_path: Path, file: Path) -> None:
    whole = file.read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in range(0, len(whole), KIB):
        cut.write_bytes(whole[:length])
        with pytest.raises(NativeError) as problem:
            Model(cut, "native")
        assert "\n" not in str(problem.value)


def test_an_archive_cut_off_at_every_kib_is_refused(tmp_path: Path) -> None:
    pack(registry.find("riscv32-size"), tmp_path / "whole.mlpolicy")
    whole = (tmp_path / "whole.mlpolicy").read_bytes()
    for length in range(0, len(whole), KIB):
        with pytest.raises(ArchiveError):
            unpack(whole[:length], str(tmp_path / "to"))
        assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("which", ["sequence", "options"])
@pytest.mark.parametrize(("features", "scores"), [(2, 7), (2, 1), (3, 3), (1, 2)])
@pytest.mark.parametrize("effort", ["0", "1"])
def test_a_model_of_another_shape_is_refused(
    fault: Pair, tmp_path: Path, which: str, features: int, scores: int, effort: str
) -> None:
    policy = make_policy(tmp_path / "policy")
    (policy / f"{which}.onnx").write_bytes(constant_model(features, [0.1 * i for i in range(scores)]))
    assert is_clangs_with_a_warning(fault, with_policy(fault, policy, effort))


def test_scores_that_are_no_numbers_choose_nothing_wrong(fault: Pair, tmp_path: Path) -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        policy = make_policy(tmp_path / "policy", sequence_scores=[value] * 3, option_scores=[value] * 2)
        onnx.checker.check_model(onnx.load(policy / "sequence.onnx"))
        for effort in ("0", "1", "2"):
            made = with_policy(fault, policy, effort)
            assert made.code == 0 and runs_right(fault, made)


def runs_right(pair: Pair, made: Outcome) -> bool:
    """Whether the program of an object does what it should."""
    pair.folder.joinpath("a.o").write_bytes(made.files["a.o"])
    linked = pair.outcome([pair.clang, "a.o", "-o", "out"])
    pair.folder.joinpath("a.o").unlink()
    return pair.run(linked).code == 0


def limited(pair: Pair, policy: Path, limit: Callable[[], None], *more: str) -> Outcome:
    """mlcc under limits of the system."""
    line = [pair.installation.bin / "mlcc", "-O=ml-size", f"--ml-policy={policy}", *more, *LINE]
    done = subprocess.run(
        line, cwd=pair.folder, env=pair.installation.environment, capture_output=True, check=False, preexec_fn=limit
    )
    made = {name: pair.folder.joinpath(name).read_bytes() for name in ("a.o",) if pair.folder.joinpath(name).exists()}
    pair.folder.joinpath("a.o").unlink(missing_ok=True)
    return Outcome(done.returncode, done.stdout, done.stderr, made)


@pytest.mark.parametrize("effort", ["0", "1", "2"])
def test_out_of_memory_there_is_a_right_object_or_none(fault: Pair, effort: str) -> None:
    ends = set()
    for mib in (40, 150, 220, 260, 300, 340, 400, 600):
        made = limited(
            fault,
            fault.installation.root / "change",
            lambda: resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20)),  # noqa: B023
            f"--ml-effort={effort}",
        )
        assert (made.code == 0) == bool(made.files)
        assert made.code != 0 or runs_right(fault, made)
        ends.add(made.code == 0)
    assert ends == {False, True}, "the limits are on both sides of what it takes"


def test_a_choice_that_takes_too_long_is_given_up(fault: Pair, tmp_path: Path) -> None:
    long = {"name": "long", "actions": ["default<O3>"] * 3000}
    policy = make_policy(
        tmp_path / "policy",
        sequences=[{"name": "baseline", "actions": ["default<Oz>"]}, long],
        sequence_scores=[0.0, -0.5],
    )
    limit = ["-Xclang", "-mllvm", "-Xclang", "-mlcomp-time-limit=300"]
    assert is_clangs_with_a_warning(fault, with_policy(fault, policy, "0", *limit))
    measured = with_policy(fault, policy, "1")
    assert (measured.code, measured.stderr) == (0, b"") and runs_right(fault, measured)


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_a_killed_child_costs_its_candidate_only(fault: Pair, tmp_path: Path) -> None:
    long = {"name": "long", "actions": ["default<O3>"] * 3000}
    policy = make_policy(
        tmp_path / "policy",
        sequences=[{"name": "baseline", "actions": ["default<Oz>"]}, long],
        sequence_scores=[0.0, -0.5],
    )
    line = [fault.installation.bin / "mlcc", "-O=ml-size", f"--ml-policy={policy}", *LINE]
    process = subprocess.Popen(line, cwd=fault.folder, env=fault.installation.environment, stderr=subprocess.PIPE)
    killed = 0
    while process.poll() is None:
        for child in children(process.pid):
            time.sleep(0.2)  # it works on the long candidate by now
            if child in children(process.pid):
                os.kill(child, signal.SIGKILL)
                killed += 1
    _, errors = process.communicate()
    made = Outcome(process.returncode, b"", errors, {"a.o": fault.folder.joinpath("a.o").read_bytes()})
    assert killed and process.returncode == 0
    assert runs_right(fault, made)


@pytest.mark.parametrize("policy", ["keep", "change"])
@pytest.mark.parametrize("target", ["missing/a.o", "."])
def test_an_output_that_cannot_be_opened_is_clangs_error(fault: Pair, policy: str, target: str) -> None:
    expected = fault.clangs(f"{{O}} -c a.c -o {target}")
    assert expected.code != 0
    assert fault.mlccs(f"{{O}} -c a.c -o {target}", policy) == expected


@pytest.mark.parametrize("policy", ["keep", "change"])
@pytest.mark.parametrize("target", ["/dev/full", "/proc/version"])
def test_an_output_that_cannot_be_written_ends_as_with_clang(fault: Pair, policy: str, target: str) -> None:
    expected = fault.clangs(f"{{O}} -c a.c -o {target}")
    line = [fault.installation.bin / "mlcc", "-O=ml-size", f"--ml-policy={fault.installation.root / policy}"]
    made = fault.outcome([*line, "-c", "a.c", "-o", target])
    assert made.code == expected.code != 0
    assert b"IO failure on output stream" in made.stderr and not made.files


@pytest.mark.parametrize("policy", ["keep", "change"])
def test_a_disk_that_is_full_ends_as_with_clang(fault: Pair, clang: str, policy: str) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    made = limited(fault, fault.installation.root / policy, limit)
    alone = subprocess.run([clang, "-Oz", *LINE], cwd=fault.folder, capture_output=True, check=False, preexec_fn=limit)
    fault.folder.joinpath("a.o").unlink(missing_ok=True)
    assert made.code == alone.returncode != 0


@pytest.mark.parametrize("option", ["MLCC_LOG", "--ml-explain"])
def test_a_report_that_cannot_be_written_is_a_warning(fault: Pair, option: str) -> None:
    policy = fault.installation.root / "change"
    for place in ("/dev/full", "/proc/none", "missing/report"):
        more = [f"--ml-explain=json:{place}"] if option == "--ml-explain" else []
        environment = {"MLCC_LOG": place} if option == "MLCC_LOG" else {}
        made = with_policy(fault, policy, "0", *more, **environment)
        assert made.code == 0 and runs_right(fault, made)
        assert made.stderr.count(b"\n") == 1 and made.stderr.startswith(b"mlcc: warning:")


def test_many_compilers_may_unpack_one_policy_at_once(fault: Pair, tmp_path: Path) -> None:
    archive = tmp_path / "change.mlpolicy"
    pack(fault.installation.root / "change", archive)
    environment = fault.installation.environment | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "MLCC_STRICT": "1"}
    line = [fault.installation.bin / "mlcc", "-O=ml-size", f"--ml-policy={archive}", "-c", "a.c", "-o"]
    running = [
        subprocess.Popen([*line, f"{i}.o"], cwd=fault.folder, env=environment, stderr=subprocess.PIPE) for i in range(8)
    ]
    ends = [(process.communicate()[1], process.returncode) for process in running]
    assert ends == [(b"", 0)] * 8
    assert len({fault.folder.joinpath(f"{i}.o").read_bytes() for i in range(8)}) == 1


@pytest.mark.parametrize("strict", ["0", "1"])
def test_errors_that_only_code_generation_finds_are_clangs(pair: Pair, strict: str) -> None:
    pair.write({"asm.c": 'void f(void) { __asm__("no_such_instruction"); }\n'})
    expected = pair.clangs("{O} -c asm.c")
    assert expected.code == 1 and b"asm.c:1:" in expected.stderr
    assert pair.mlccs("{O} -c asm.c", "change", MLCC_EFFORT="1", MLCC_STRICT=strict) == expected
    quick = pair.mlccs("{O} -c asm.c", "change", MLCC_EFFORT="0", MLCC_STRICT=strict)
    assert quick.code != 0 and not quick.files and b"asm.c:1:" in quick.stderr
