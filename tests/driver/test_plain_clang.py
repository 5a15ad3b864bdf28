"""Without -O=ml… mlcc is clang: the same arguments, the same program."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import Installation


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--version"],
        ["-O2", "-c", "a.c", "-o", "a.o"],
        ["-Wl,-O=ml", "a.o"],
        ["-Xlinker", "--gc-sections", "-Xclang", "-load", "-Wp,-DX", "-Wa,-mfoo"],
        ["", "a b.c", 'quo"te', "ümlaut.c", "back\\slash"],
        ["-cc1", "-O2"],
        ["@missing", "-o", "@missing"],
        ["-###", "--", "-strange.c"],
    ],
)
def test_arguments_are_untouched(mlcc: Installation, arguments: list[str]) -> None:
    assert mlcc.arguments(*arguments) == arguments


def test_bytes_that_are_no_text_are_untouched(mlcc: Installation) -> None:
    assert mlcc.arguments("bad\udcff.c") == ["bad\udcff.c"]


def test_mlcc_is_clang_19(mlcc: Installation) -> None:
    assert mlcc.command("a.c")[0] == str(mlcc.tools / "clang-19")


def test_mlccxx_is_clangxx_19(mlcc: Installation) -> None:
    assert mlcc.command("a.cc", program="mlcc++") == [str(mlcc.tools / "clang++-19"), "a.cc"]


def test_a_link_whose_name_ends_with_plus_plus_is_mlccxx(mlcc: Installation) -> None:
    mlcc.bin.joinpath("c++").symlink_to("mlcc")
    assert mlcc.command("a.cc", program="c++")[0] == str(mlcc.tools / "clang++-19")


def test_without_clangxx_clang_is_told_to_be_it(mlcc: Installation) -> None:
    mlcc.tools.joinpath("clang++-19").unlink()
    command = mlcc.command("a.cc", program="mlcc++")
    assert command == [str(mlcc.tools / "clang-19"), "--driver-mode=g++", "a.cc"]


def test_a_link_with_a_triple_in_its_name_compiles_for_it(mlcc: Installation) -> None:
    mlcc.bin.joinpath("riscv32-unknown-elf-mlcc").symlink_to("mlcc")
    arguments = mlcc.arguments("-c", "a.c", program="riscv32-unknown-elf-mlcc")
    assert arguments == ["--target=riscv32-unknown-elf", "-c", "a.c"]


def test_a_response_file_without_our_options_is_untouched(mlcc: Installation) -> None:
    mlcc.root.joinpath("args").write_text("-O2 -c 'a b.c'\n")
    assert mlcc.arguments("@args", "-g") == ["@args", "-g"]


def test_our_options_without_an_objective_are_dropped(mlcc: Installation) -> None:
    assert mlcc.arguments("--ml-effort=2", "-O2", "a.c", "--ml-weights=time=1") == ["-O2", "a.c"]
    assert mlcc.arguments("-O=ml", "--ml-explain", "-O0", "a.c", MLCC_STRICT="1") == ["-O0", "a.c"]
    assert mlcc.arguments("--ml-explain", "-O0", "a.c", MLCC_OBJECTIVE="ml-size", MLCC_STRICT="1") == ["-O0", "a.c"]
    assert mlcc.arguments("-O=ml", "--ml-explain", "a.o", MLCC_STRICT="1")[-1] == "a.o"


def test_a_value_that_looks_like_our_option_stays_a_value(mlcc: Installation) -> None:
    assert mlcc.arguments("-o", "-O=ml", "a.c") == ["-o", "-O=ml", "a.c"]
    assert mlcc.arguments("-Xclang", "--ml-effort=1", "a.c") == ["-Xclang", "--ml-effort=1", "a.c"]


def test_an_input_that_looks_like_our_option_stays_an_input(mlcc: Installation) -> None:
    assert mlcc.arguments("-c", "--", "-O=ml") == ["-c", "--", "-O=ml"]


def test_a_program_called_clang_that_is_mlcc_does_not_execute_itself(mlcc: Installation) -> None:
    masquerade = mlcc.root / "masquerade"
    masquerade.mkdir()
    masquerade.joinpath("clang-19").symlink_to(mlcc.bin / "mlcc")
    command = mlcc.command("a.c", program=masquerade / "clang-19", PATH=f"{masquerade}:{mlcc.tools}")
    assert command == [str(mlcc.tools / "clang-19"), "a.c"]


def test_folders_called_clang_are_not_executed(mlcc: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    folder.joinpath("clang-19").mkdir(parents=True)
    assert mlcc.command(PATH=f"{folder}:{mlcc.tools}")[0] == str(mlcc.tools / "clang-19")
