"""Which clang is executed, and what happens where it or the plugin is missing or does not fit."""

from __future__ import annotations

import pytest
from installation import Installation

NOT_FOUND = "mlcc: error: clang 19 was not found; install clang-19 or set MLCC_CLANG to it\n"


def remove_clang(mlcc: Installation) -> None:
    for name in ("clang-19", "clang++-19"):
        mlcc.tools.joinpath(name).unlink()


@pytest.mark.parametrize("program", ["mlcc", "mlcc++"])
def test_without_clang_one_line_says_what_to_do(mlcc: Installation, program: str) -> None:
    remove_clang(mlcc)
    done = mlcc.run("-c", "a.c", program=program)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", NOT_FOUND)


def test_an_unversioned_clang_is_taken_if_it_is_19(mlcc: Installation) -> None:
    remove_clang(mlcc)
    path = mlcc.add_clang("clang", version=19)
    assert mlcc.command("a.c") == [str(path), "a.c"]
    assert mlcc.command("a.cc", program="mlcc++") == [str(path), "--driver-mode=g++", "a.cc"]


def test_an_unversioned_clang_of_another_version_is_refused(mlcc: Installation) -> None:
    remove_clang(mlcc)
    path = mlcc.add_clang("clang", version=16)
    done = mlcc.run("-c", "a.c")
    assert done.returncode == 1
    assert done.stderr == f"mlcc: error: {path} is not clang 19; install clang-19 or set MLCC_CLANG to one\n"


def test_clang_is_asked_for_its_version_only_once(mlcc: Installation) -> None:
    remove_clang(mlcc)
    path = mlcc.add_clang("clang", version=19)
    asked = path.with_name("clang.asked")
    for _ in range(3):
        mlcc.command("a.c")
    assert asked.read_text() == "x"
    mlcc.add_clang("clang", version=190)
    assert mlcc.run("a.c").returncode == 1, "a changed clang is asked again"


def test_the_version_is_taken_from_names_without_asking(mlcc: Installation) -> None:
    remove_clang(mlcc)
    real = mlcc.root / "llvm-19" / "bin"
    real.mkdir(parents=True)
    mlcc.add_clang("clang", version=19, folder=real)
    mlcc.tools.joinpath("clang").symlink_to(real / "clang")
    assert mlcc.command("-O=ml", "-c", "a.c")[0] == str(mlcc.tools / "clang")
    assert not real.joinpath("clang.asked").exists()


def test_mlcc_clang_may_be_a_path_or_a_name(mlcc: Installation) -> None:
    path = mlcc.add_clang("my-clang-19", folder=mlcc.root)
    assert mlcc.command("a.c", MLCC_CLANG=str(path))[0] == str(path)
    mlcc.add_clang("other-clang-19")
    assert mlcc.command("a.c", MLCC_CLANG="other-clang-19")[0] == str(mlcc.tools / "other-clang-19")


def test_mlccxx_takes_the_clangxx_beside_mlcc_clang(mlcc: Installation) -> None:
    path = mlcc.add_clang("clang-19", folder=mlcc.root)
    alone = mlcc.command("a.cc", program="mlcc++", MLCC_CLANG=str(path))
    assert alone == [str(path), "--driver-mode=g++", "a.cc"]
    beside = mlcc.add_clang("clang++-19", folder=mlcc.root)
    assert mlcc.command("a.cc", program="mlcc++", MLCC_CLANG=str(path)) == [str(beside), "a.cc"]


@pytest.mark.parametrize("value", ["/nowhere/clang-19", "nowhere-clang", "/"])
def test_mlcc_clang_that_is_no_program_is_an_error(mlcc: Installation, value: str) -> None:
    done = mlcc.run("-c", "a.c", MLCC_CLANG=value)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"mlcc: error: MLCC_CLANG='{value}' is not a program; set it to clang 19\n"


def test_another_version_compiles_without_the_policy(mlcc: Installation) -> None:
    path = mlcc.add_clang("clang", version=16, folder=mlcc.root)
    message = f"{path} is version 16, policies need clang 19"
    done = mlcc.run("-O=ml-size", "-c", "a.c", MLCC_CLANG=str(path))
    assert done.returncode == 0 and '"-Oz", "-c", "a.c"]' in done.stdout
    assert done.stderr == f"mlcc: warning: {message}; compiling with -Oz\n"
    strict = mlcc.run("-O=ml-size", "-c", "a.c", MLCC_CLANG=str(path), MLCC_STRICT="1")
    assert (strict.returncode, strict.stderr) == (1, f"mlcc: error: {message}\n")


def test_without_the_plugin_clang_compiles_and_one_line_warns(mlcc: Installation) -> None:
    mlcc.plugin.unlink()
    message = f"plugin {mlcc.plugin} is missing, reinstall mlcomp-compiler"
    done = mlcc.run("-O=ml-size", "-c", "a.c")
    assert (done.returncode, done.stderr) == (0, f"mlcc: warning: {message}; compiling with -Oz\n")
    assert "-Xclang" not in done.stdout
    strict = mlcc.run("-O=ml-size", "-c", "a.c", MLCC_STRICT="1")
    assert (strict.returncode, strict.stderr) == (1, f"mlcc: error: {message}\n")


def test_a_clang_that_cannot_be_executed_is_one_line(mlcc: Installation) -> None:
    mlcc.tools.joinpath("clang-19").write_text("#!/nowhere/interpreter\n")
    done = mlcc.run("-c", "a.c")
    path = mlcc.tools / "clang-19"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"mlcc: error: cannot execute {path}: No such file or directory\n"
