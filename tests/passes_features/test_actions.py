"""The action space and its ban list: the table, Python's check and the core's agree, and each ban is still needed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mlcomp.passes_features import actions
from mlcomp.passes_features.native import NativeError
from mlcomp.passes_features.session import Session
from mlcomp.platforms.targets import targets
from mlcomp.training.kernels import kernels

BANNED_PASSES = [b for b in actions.bans() if not b.is_option]
BANNED_OPTIONS = [b for b in actions.bans() if b.is_option]


def session_for(target: str) -> Session:
    triple = targets()[target].flags[0].split("=")[1]
    return Session.from_bitcode(f'target triple = "{triple}"\ndefine void @f() {{ ret void }}'.encode())


@pytest.fixture(scope="module")
def session() -> Session:
    return session_for("riscv32")


def test_there_are_actions_of_every_kind() -> None:
    assert len(actions.all_actions()) >= 60
    assert {a.kind for a in actions.all_actions()} == set(actions.KINDS)
    assert all(a.why.endswith(".") for a in actions.all_actions())
    assert all(a.adaptor for a in actions.all_actions() if a.kind == "pass")


@pytest.mark.parametrize("target", sorted(targets()))
def test_every_action_is_known_to_llvm_and_allowed(target: str) -> None:
    session = session_for(target)
    for action in actions.actions_for(target):
        assert actions.refusal(action.text) is None
        session.check(action.text)


def test_options_change_only_what_their_place_says() -> None:
    assert all(a.text.startswith("-") == (a.kind == "option") for a in actions.all_actions())
    assert all(a.place.endswith("-option") == (a.kind == "option") for a in actions.all_actions())


@pytest.mark.parametrize("ban", BANNED_PASSES, ids=lambda b: b.name)
def test_banned_passes_are_refused_in_any_pipeline(ban: actions.Ban, session: Session) -> None:
    for text in (ban.name, f"function({ban.name})", f"function(sroa,{ban.name})", f"cgscc({ban.name}),globaldce"):
        assert actions.refusal(text) == ban.reason
        with pytest.raises(NativeError, match="is banned"):
            session.check(text)


@pytest.mark.parametrize("ban", BANNED_OPTIONS, ids=lambda b: b.name)
def test_banned_options_are_refused_with_any_value(ban: actions.Ban, session: Session) -> None:
    for text in (ban.name, f"{ban.name}=true", f"-{ban.name}=1"):
        assert actions.refusal(text) == ban.reason
        with pytest.raises(NativeError, match="is banned"):
            session.check(text)


def test_what_a_ban_needs_makes_it_allowed(session: Session) -> None:
    for text in ("function(instcombine<no-verify-fixpoint>)", "function(loop-mssa(licm))"):
        assert actions.refusal(text) is None
        session.check(text)


def test_options_whose_value_llvm_does_not_take_are_refused(session: Session) -> None:
    for text in ("-inline-threshold=abc", "-inline-threshold"):
        with pytest.raises(NativeError, match=f"^LLVM does not accept '{text}'$"):
            session.check(text)
    session.check("-inline-threshold=70")


def opt(pipeline: str, source: Path) -> subprocess.CompletedProcess[str]:
    command = ["opt-19", f"-passes={pipeline}", "-disable-output", str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_licm_outside_loop_mssa_is_still_a_fatal_error() -> None:
    source = Path(__file__).with_name("bans") / "loop.ll"
    assert opt("function(loop(licm))", source).returncode != 0
    assert opt("function(loop-mssa(licm))", source).returncode == 0


def test_instcombine_from_text_still_checks_its_fixpoint() -> None:
    source = Path(__file__).with_name("bans") / "fixpoint.ll"
    assert "fixpoint" in opt("function(instcombine)", source).stderr
    assert opt("function(instcombine<no-verify-fixpoint>)", source).returncode == 0


def test_a_table_with_an_action_twice_is_refused() -> None:
    text = '[[group]]\ntitle="t"\nkind="pass"\nplace="pass"\ntargets=[]\n[group.actions]\n"globaldce"="x."\n'
    with pytest.raises(actions.ActionTableError, match="twice"):
        actions.parse(text + text + '[[ban]]\npass="p"\nreason="r"\n')


def test_limiting_evictions_runs_out_of_registers(tmp_path: Path) -> None:
    """Why -regalloc-eviction-max-interference-cutoff is banned: an error where clang makes code."""
    values = range(40)
    loads = "".join(f"  unsigned v{i} = p[{i}];\n" for i in values)
    rounds = "".join(f"    v{i} = (v{i} << 7 | v{i} >> 25) + v{(i * 7 + 3) % 40};\n" for i in values)
    stores = "".join(f"  p[{i}] = v{i};\n" for i in values)
    source = tmp_path / "many.c"
    source.write_text(f"void f(unsigned *p, int n) {{\n{loads}  while (n--) {{\n{rounds}  }}\n{stores}}}\n")
    option = "-regalloc-eviction-max-interference-cutoff=1"
    assert actions.refusal(option)
    command = ["clang-19", *targets()["riscv32"].compile_flags, "-O2", "-c", str(source), "-o", str(tmp_path / "o")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    failed = subprocess.run([*command, "-mllvm", option], capture_output=True, check=False, text=True)
    assert failed.returncode and "ran out of registers" in failed.stderr


def test_outlining_again_loses_the_return_address_on_arm() -> None:
    """Why -machine-outliner-reruns is banned: code that ends in a jump gets a call in it, and does not keep lr."""
    option = "-machine-outliner-reruns=1"
    assert actions.refusal(option)
    source = next(k for k in kernels("train") if k.name == "heap_queue").files()[0].path
    command = ["clang-19", *targets()["thumb"].compile_flags, f"-I{source.parents[1]}", "-Oz", "-mllvm", option]
    command += ["-Xclang", "-disable-llvm-passes", "-S", str(source), "-o", "-"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    bodies = re.findall(r"^OUTLINED_FUNCTION_\w+:(.*?)^\.Lfunc_end", text, re.DOTALL | re.MULTILINE)
    calling = [body for body in bodies if "\tbl\t" in body]
    assert any("lr" not in body.partition("\tbl\t")[0] for body in calling)
