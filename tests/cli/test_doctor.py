"""`mlcomp doctor`: says what is broken and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlcomp.cli import doctor
from mlcomp.cli.main import main


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """All checks succeed."""
    monkeypatch.setattr(doctor, "CHECKS", {name: lambda: "fine" for name in doctor.CHECKS})


def test_all_in_order_is_exit_code_0(healthy: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(rows) == len(doctor.CHECKS) and all("ok" in row for row in rows)


def test_one_thing_broken_is_exit_code_1(
    healthy: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise doctor.BrokenError("install it")

    monkeypatch.setitem(doctor.CHECKS, "clang", broken)
    assert main(["doctor", "--json"]) == 1
    states = {f["check"]: (f["state"], f["detail"]) for f in json.loads(capsys.readouterr().out)}
    assert states.pop("clang") == ("broken", "install it")
    assert set(states.values()) == {("ok", "fine")}


def test_every_check_ends_with_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert [f["check"] for f in findings] == list(doctor.CHECKS)
    assert code == any(f["state"] == "broken" for f in findings)


def test_a_missing_clang_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = {f.check: f for f in doctor.examine()}
    assert findings["clang"].state == "broken" and "install clang-19" in findings["clang"].detail


def test_a_missing_plugin_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "PLUGIN", str(tmp_path / "mlcomp-plugin.so"))
    findings = {f.check: f for f in doctor.examine()}
    assert findings["plugin"].state == "broken" and "reinstall" in findings["plugin"].detail


def test_a_plugin_that_clang_cannot_load_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clang: str) -> None:
    bad = tmp_path / "mlcomp-plugin.so"
    bad.write_text("no library")
    monkeypatch.setattr(doctor, "PLUGIN", str(bad))
    findings = {f.check: f for f in doctor.examine()}
    assert findings["plugin"].state == "broken" and "clang cannot use the plugin" in findings["plugin"].detail
