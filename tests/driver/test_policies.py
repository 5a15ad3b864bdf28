"""--ml-policy and MLCC_POLICY: a name, a folder, or a .mlpolicy file, which is unpacked once."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from installation import Installation

from mlcomp.policies.archive import pack


def archive(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for name, contents in files.items():
            zipped.writestr(name, contents)
    return stream.getvalue()


@pytest.fixture
def packed(mlcc: Installation) -> Path:
    """A `.mlpolicy` file."""
    folder = mlcc.add_policy("mine", folder=mlcc.root / "made")
    folder.joinpath("sequence.onnx").write_bytes(b"model")
    path = mlcc.root / "mine.mlpolicy"
    pack(folder, path)
    return path


def test_a_policy_may_be_named(mlcc: Installation) -> None:
    folder = mlcc.add_policy("special")
    assert f"-mlcomp-policy={folder}" in mlcc.plugin_options("-O=ml", "--ml-policy=special", "-c", "a.c")


def test_a_policy_may_be_a_folder(mlcc: Installation) -> None:
    mlcc.add_policy("x86_64-size", folder=mlcc.root)
    given = mlcc.plugin_options("-O=ml", "--ml-policy=x86_64-size", "-c", "a.c")
    assert "-mlcomp-policy=x86_64-size" in given, "a folder comes before a name"


def test_the_option_comes_before_the_variable(mlcc: Installation) -> None:
    one, two = mlcc.add_policy("one"), mlcc.add_policy("two")
    assert f"-mlcomp-policy={one}" in mlcc.plugin_options("-O=ml", "-c", "a.c", MLCC_POLICY="one")
    given = mlcc.plugin_options("-O=ml", "--ml-policy=two", "-c", "a.c", MLCC_POLICY="one")
    assert f"-mlcomp-policy={two}" in given


def test_ml_takes_its_level_from_the_policys_objective(mlcc: Installation) -> None:
    mlcc.add_policy("fast", "time")
    assert "-O3" in mlcc.arguments("-O=ml", "--ml-policy=fast", "-c", "a.c")
    assert "-Oz" in mlcc.arguments("-O=ml-size", "--ml-policy=fast", "-c", "a.c")


def test_an_archive_is_unpacked_once(mlcc: Installation, packed: Path) -> None:
    cache = mlcc.root / "cache"
    seen = set()
    for _ in range(2):
        given = mlcc.plugin_options("-O=ml", f"--ml-policy={packed}", "-c", "a.c", XDG_CACHE_HOME=str(cache))
        seen.add(given[0].removeprefix("-mlcomp-policy="))
    folder = Path(seen.pop())
    assert not seen
    assert [folder] == list(cache.glob("mlcomp/policies/*"))
    assert folder.joinpath("sequence.onnx").read_bytes() == b"model"


def test_a_changed_archive_is_another_policy(mlcc: Installation, packed: Path) -> None:
    first = mlcc.plugin_options("-O=ml", f"--ml-policy={packed}", "-c", "a.c")[0]
    packed.write_bytes(archive(**{"manifest.json": b"{}"}))
    assert mlcc.plugin_options("-O=ml", f"--ml-policy={packed}", "-c", "a.c")[0] != first


@pytest.mark.parametrize("home", ["/proc/nowhere", "", "relative"])
def test_without_a_writable_home_an_archive_goes_to_the_temporary_folder(
    mlcc: Installation, packed: Path, home: str
) -> None:
    environment = {"HOME": home, "TMPDIR": str(mlcc.root)}
    given = mlcc.plugin_options("-O=ml", f"--ml-policy={packed}", "-c", "a.c", **environment)
    assert given[0].startswith(f"-mlcomp-policy={mlcc.root}/mlcomp-{os.getuid()}/policies/")


def test_a_temporary_folder_that_others_may_write_is_not_used(mlcc: Installation, packed: Path) -> None:
    mlcc.root.joinpath(f"mlcomp-{os.getuid()}").mkdir()
    mlcc.root.joinpath(f"mlcomp-{os.getuid()}").chmod(0o777)
    environment = {"HOME": "/proc/nowhere", "TMPDIR": str(mlcc.root)}
    done = mlcc.run("-O=ml", f"--ml-policy={packed}", "-c", "a.c", **environment)
    assert done.returncode == 0
    assert done.stderr == (
        f"mlcc: warning: no place to unpack policy '{packed}'; set XDG_CACHE_HOME to a writable folder;"
        " compiling with -Oz\n"
    )


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"no archive", "is broken or no policy archive"),
        (b"", "is broken or no policy archive"),
        (archive(**{"other.json": b"{}"}), "has no manifest.json"),
        (archive(**{"manifest.json": b"{}", "../evil": b"x"}), "has folders or doubled names"),
        (archive(**{"manifest.json": b"{}", "folder/evil": b"x"}), "has folders or doubled names"),
        (archive(**{"manifest.json": b"{}" * 500})[:-700], "is broken or no policy archive"),
    ],
)
def test_a_broken_archive_is_a_warning_and_clangs_result(mlcc: Installation, contents: bytes, reason: str) -> None:
    path = mlcc.root / "bad.mlpolicy"
    path.write_bytes(contents)
    done = mlcc.run("-O=ml", f"--ml-policy={path}", "-c", "a.c")
    assert done.returncode == 0 and '"-Oz", "-c", "a.c"]' in done.stdout
    assert reason in done.stderr and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"mlcc: warning: policy '{path}': ")
    assert not list(mlcc.root.glob("**/evil"))
    assert mlcc.run("-O=ml", f"--ml-policy={path}", "-c", "a.c", MLCC_STRICT="1").returncode == 1


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("missing", "policy 'missing' was not found; `mlcomp policy list` shows those that ship"),
        ("./x86_64-size", "policy './x86_64-size' was not found; `mlcomp policy list` shows those that ship"),
        ("bin", "'bin' is no policy: it has no manifest.json; make one with mlcomp-export"),
    ],
)
def test_a_policy_that_does_not_exist_is_an_error(mlcc: Installation, policy: str, message: str) -> None:
    done = mlcc.run("-O=ml", f"--ml-policy={policy}", "-c", "a.c")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"mlcc: error: {message}\n")


def test_the_same_folder_gives_the_same_archive(mlcc: Installation, packed: Path) -> None:
    before = packed.read_bytes()
    for file in mlcc.root.joinpath("made", "mine").iterdir():
        os.utime(file, (1, 1))
    pack(mlcc.root / "made" / "mine", packed)
    assert packed.read_bytes() == before
