"""The policy belongs to the target that clang compiles for, however the command line says it."""

from __future__ import annotations

import subprocess

import pytest
from installation import Installation

from mlcomp.driver.arguments import parse
from mlcomp.driver.target import architecture

COMMANDS = [
    "",
    "-m32",
    "-m64",
    "-m32 -m64",
    "--target=x86_64-pc-linux-gnu",
    "--target=amd64-unknown-freebsd",
    "--target=i586-linux-gnu",
    "--target=i686-linux-gnu -m64",
    "--target=riscv32-unknown-elf",
    "-target riscv32-unknown-elf -march=rv32imc",
    "--target=riscv64-unknown-elf",
    "--target=riscv64-unknown-elf -march=rv32imac -mabi=ilp32",
    "--target=riscv64-unknown-elf -m32",
    "--target=riscv32-unknown-elf -target riscv64-unknown-elf",
    "--target=thumbv7em-none-eabi -mcpu=cortex-m4",
    "--target=thumbv6m-none-eabi",
    "--target=arm-none-eabi",
    "--target=arm-none-eabi -mthumb",
    "--target=arm-none-eabi -mthumb -marm",
    "--target=arm-none-eabi -mcpu=cortex-m0plus",
    "--target=arm-none-eabi -mcpu=cortex-m33+nodsp",
    "--target=arm-none-eabi -mcpu=sc300",
    "--target=arm-none-eabi -march=armv7e-m",
    "--target=arm-none-eabi -march=armv7em",
    "--target=arm-none-eabi -march=armv6-m",
    "--target=arm-none-eabi -march=armv8-m.main+fp",
    "--target=arm-none-eabi -march=armv8.1-m.main",
    "--target=arm-none-eabi -march=armv7-a",
    "--target=arm-none-eabi -mcpu=cortex-a7",
    "--target=arm-none-eabi -mcpu=cortex-a7 -mthumb",
    "--target=arm-none-eabi -mcpu=cortex-r5",
    "--target=armv7em-none-eabi",
    "--target=armv7m-none-eabi",
    "--target=armv6m-none-eabi",
    "--target=armv7a-none-eabi",
    "--target=thumbv7a-none-eabi -marm",
    "--target=armv8m.main-none-eabi",
    "--target=aarch64-none-elf",
    "--target=arm64-linux-gnu",
    "--target=powerpc-none-eabi",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_architecture_is_that_of_clangs_own_triple(clang: str, line: str) -> None:
    done = subprocess.run([clang, *line.split(), "-print-effective-triple"], capture_output=True, text=True, check=True)
    expected = done.stdout.partition("-")[0].replace("arm64", "aarch64")
    for family in ("thumb", "arm"):
        expected = family if expected.startswith(family) else expected
    expected = {"amd64": "x86_64", "i586": "i386", "i686": "i386"}.get(expected, expected)
    assert architecture(parse([(word, None) for word in line.split()]), clang) == expected


@pytest.mark.parametrize(
    ("line", "policy"),
    [
        ("--target=riscv32-unknown-elf", "riscv32-size"),
        ("--target=arm-none-eabi -mcpu=cortex-m4", "thumb-size"),
        ("--target=x86_64-pc-linux-gnu", "x86_64-size"),
    ],
)
def test_the_policy_is_that_of_the_target(mlcc: Installation, line: str, policy: str) -> None:
    options = mlcc.plugin_options("-O=ml", *line.split(), "-c", "a.c")
    assert f"-mlcomp-policy={mlcc.package}/policies/{policy}" in options


def test_a_triple_in_clangs_name_is_the_target(mlcc: Installation) -> None:
    cross = mlcc.add_clang("riscv32-unknown-elf-clang-19")
    options = mlcc.plugin_options("-O=ml", "-c", "a.c", MLCC_CLANG=str(cross))
    assert f"-mlcomp-policy={mlcc.package}/policies/riscv32-size" in options


def test_a_triple_in_our_own_name_is_the_target(mlcc: Installation) -> None:
    mlcc.bin.joinpath("riscv32-unknown-elf-mlcc++").symlink_to("mlcc")
    done = mlcc.arguments("-O=ml", "-c", "a.c", program="riscv32-unknown-elf-mlcc++")
    assert f"-mlcomp-policy={mlcc.package}/policies/riscv32-size" in done
