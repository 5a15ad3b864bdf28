"""The native programs do what the Python driver does, and without it where nothing is unusual."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from installation import Installation

from mlcomp.driver.options import CODE_EXTENSIONS, CODE_LANGUAGES, OPTIONS, PREFIX

LINE = ["-Os", "-c", "a.c"]
USUAL: dict[str, list[str]] = {
    "plain": ["-O2", "-c", "a.c"],
    "nothing": [],
    "objective": ["-O=ml-size", "-c", "a.c"],
    "balanced": ["-O=ml", "-c", "a.c"],
    "effort": ["-O=ml-size", "--ml-effort=3", "-c", "a.c", "-o", "b.o"],
    "overridden": ["-O=ml-size", "-O=ml", "-O2", "-c", "a.c"],
    "last": ["-O2", "-O=ml", "-O=ml-size", "-c", "a.c"],
    "link": ["-O=ml-size", "a.o", "-o", "a"],
    "several": ["-O=ml-size", "a.c", "b.s", "-x", "c++", "c.txt", "-xnone", "d.c", "-lm"],
    "preprocess": ["-O=ml-size", "-E", "a.c"],
    "cross": ["--target=riscv32-unknown-elf", "-march=rv32imc", "-mabi=ilp32", "-O=ml-size", "-c", "a.c"],
    "thumb": ["--target=arm-none-eabi", "-mcpu=Cortex-M4", "-O=ml-size", "-c", "a.c"],
    "thumb by name": ["-target", "thumbv7em-none-eabi", "-O=ml-size", "-c", "a.c"],
    "thumb by flag": ["--target=arm-none-eabi", "-mthumb", "-O=ml-size", "-c", "a.c"],
    "thumb by architecture": ["--target=arm-none-eabi", "-march=armv8-m.main+fp", "-O=ml-size", "-c", "a.c"],
    "64 bits": ["--target=i686-linux-gnu", "-m64", "-O=ml-size", "-c", "a.c"],
    "named policy": ["-O=ml-size", "--ml-policy=thumb-size", "-c", "a.c"],
    "frame pointers": ["-O=ml-size", "-fno-omit-frame-pointer", "-c", "a.c"],
    "values": ["-O=ml-size", "-I", "-O2", "-Xclang", "-O=ml", "-mllvm", "--ml-x", "-MF", "x.c", "-c", "a.c"],
    "prefix": ["-O=ml-size", "-Xarch_x86_64", "-O2", "-c", "a.c"],
    "end of options": ["-O=ml-size", "-c", "--", "-O2.c"],
    "thin": ["-O=ml-size", "-flto=thin", "-fuse-ld=lld", "a.c"],
    "missing value": ["-O=ml-size", "a.c", "-o"],
    "empty": ["-O=ml-size", "", "-c", "a.c"],
}
UNUSUAL: dict[str, list[str]] = {
    "question": ["--print-config", "-O=ml-size"],
    "response file": ["@words", "-c", "a.c"],
    "help": ["--ml-help"],
    "unknown objective": ["-O=ml-sise", "-c", "a.c"],
    "no equals": ["-Oml-size", "-c", "a.c"],
    "unknown option": ["-O=ml-size", "--ml-efort=1", "-c", "a.c"],
    "effort": ["-O=ml-size", "--ml-effort=4", "-c", "a.c"],
    "no value": ["-O=ml-size", "--ml-effort=", "-c", "a.c"],
    "no policy": ["-O=ml-time", "-c", "a.c"],
    "no target": ["--target=sparc-elf", "-O=ml-size", "-c", "a.c"],
    "no such policy": ["-O=ml-size", "--ml-policy=nothing", "-c", "a.c"],
    "balanced policy": ["-O=ml", "--ml-policy=thumb-size", "-c", "a.c"],
    "explain": ["-O=ml-size", "--ml-explain", "-c", "a.c"],
    "weights": ["-O=ml", "--ml-weights=size=1", "-c", "a.c"],
    "whole program by default": ["-O=ml-size", "-flto", "a.o"],
    "whole program": ["-O=ml-size", "-flto", "-fuse-ld=/usr/bin/ld.lld-19", "a.c"],
    "long": ["-O=ml-size", f"-D{'x' * 98304}", "-c", "a.c"],
}
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "effort": {"MLCC_EFFORT": "2"},
    "everywhere": {"MLCC_OBJECTIVE": "ml-size"},
    "off": {"MLCC_DISABLE": "1", "MLCC_OBJECTIVE": "ml-size"},
    "not off": {"MLCC_DISABLE": "0", "MLCC_OBJECTIVE": "ml-size"},
    "strict": {"MLCC_STRICT": "1", "MLCC_OBJECTIVE": "ml-size"},
    "log": {"MLCC_LOG": "log", "MLCC_OBJECTIVE": "ml-size"},
    "policy": {"MLCC_POLICY": "riscv32-size", "MLCC_OBJECTIVE": "ml-size"},
    "clang by name": {"MLCC_CLANG": "clang-19"},
    "clang by path": {"MLCC_CLANG": "{tools}/clang-19", "MLCC_OBJECTIVE": "ml-size"},
    "another Python": {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere", "MLCC_OBJECTIVE": "ml-size"},
    "clang by folder": {"MLCC_CLANG": "{tools}/llvm-19/bin/clang", "MLCC_OBJECTIVE": "ml-size"},
}
TROUBLED: dict[str, dict[str, str]] = {
    "typing error": {"MLCC_EFORT": "2"},
    "strict typing error": {"MLCC_EFORT": "2", "MLCC_STRICT": "1"},
    "no switch": {"MLCC_DISABLE": "yes", "MLCC_OBJECTIVE": "ml-size"},
    "unknown objective": {"MLCC_OBJECTIVE": "ml-sise"},
    "no clang": {"MLCC_CLANG": "clang-17"},
    "another clang": {"MLCC_CLANG": "{tools}/clang-18", "MLCC_OBJECTIVE": "ml-size"},
    "another package": {"PYTHONPATH": "/nowhere:{package}", "MLCC_OBJECTIVE": "ml-size"},
}
Seen = tuple[int, str, str]


class Both:
    """The launcher and the Python driver of an installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        installation.add_clang("clang-18", 18)
        bin_folder = installation.tools / "llvm-19" / "bin"
        bin_folder.mkdir(parents=True)
        installation.add_clang("clang", 19, bin_folder)
        self.driver = installation.bin / "mlcc-driver"
        self.hidden = installation.bin / "hidden"

    def launcher(self, program: Path, words: list[str], environment: dict[str, str]) -> Seen:
        return self._run([program, *words], environment)

    def python(self, program: Path, words: list[str], environment: dict[str, str]) -> Seen:
        return self._run([self.driver, program, *words], environment)

    def alone(self, program: Path, words: list[str], environment: dict[str, str]) -> Seen:
        """The launcher where there is no Python driver."""
        self.driver.rename(self.hidden)
        try:
            return self.launcher(program, words, environment)
        finally:
            self.hidden.rename(self.driver)

    def _run(self, command: list[str | Path], environment: dict[str, str]) -> Seen:
        folders = {"tools": self.installation.tools, "package": self.installation.package.parent}
        more = {name: value.format(**folders) for name, value in environment.items()}
        done = subprocess.run(
            command,
            env=self.installation.environment | more,
            cwd=self.installation.root,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def both(mlcc: Installation) -> Both:
    mlcc.root.joinpath("words").write_text("-O=ml-size -g")
    return Both(mlcc)


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("program", ["mlcc", "mlcc++", "riscv32-unknown-elf-mlcc", "c++"])
def test_usual_lines_become_the_same_without_python(both: Both, name: str, program: str) -> None:
    path = both.installation.bin / program
    if not path.exists():
        path.symlink_to("mlcc")
    made = both.alone(path, USUAL[name], {})
    assert made[0] == 0
    assert made == both.python(path, USUAL[name], {})


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("program", ["mlcc", "mlcc++"])
def test_variables_mean_the_same_without_python(both: Both, name: str, program: str) -> None:
    path = both.installation.bin / program
    made = both.alone(path, LINE, ENVIRONMENTS[name])
    assert made[0] == 0
    assert made == both.python(path, LINE, {**ENVIRONMENTS[name], "PYTHONHOME": ""})


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_lines_are_left_to_python(both: Both, name: str) -> None:
    path = both.installation.bin / "mlcc"
    assert "mlcc-driver" in both.alone(path, UNUSUAL[name], {})[2]
    assert both.launcher(path, UNUSUAL[name], {}) == both.python(path, UNUSUAL[name], {})


@pytest.mark.parametrize("name", TROUBLED)
def test_troubles_are_left_to_python(both: Both, name: str) -> None:
    path = both.installation.bin / "mlcc"
    assert "mlcc-driver" in both.alone(path, LINE, TROUBLED[name])[2]
    assert both.launcher(path, LINE, TROUBLED[name]) == both.python(path, LINE, TROUBLED[name])


def test_the_python_driver_starts_beside_a_home_of_another_python(both: Both) -> None:
    path = both.installation.bin / "mlcc"
    made = both.launcher(path, ["-O=ml-sise", "-c", "a.c"], {"PYTHONHOME": "/nowhere"})
    assert made == (1, "", "mlcc: error: unknown objective 'ml-sise' in '-O=ml-sise'; did you mean ml-size?\n")


def test_a_copied_launcher_says_what_it_lacks(both: Both, tmp_path: Path) -> None:
    copied = shutil.copy(both.installation.bin / "mlcc", tmp_path)
    code, out, error = both.launcher(Path(copied), ["-O=ml-size", "-c", "a.c"], {})
    assert (code, out) == (1, "") and error.count("\n") == 1 and "link to mlcc rather than copying" in error


def test_two_packages_are_left_to_python(both: Both) -> None:
    other = both.installation.root / "lib" / "python3.12" / "dist-packages" / "mlcomp" / "lib"
    other.mkdir(parents=True)
    other.joinpath("mlcomp-plugin.so").touch()
    assert "mlcc-driver" in both.alone(both.installation.bin / "mlcc", ["-O=ml-size", "-c", "a.c"], {})[2]


def test_a_link_under_another_name_is_found_by_the_path(both: Both) -> None:
    folder, name = both.installation.root / "elsewhere", "thumbv7em-none-eabi-mlcc"
    folder.mkdir()
    folder.joinpath(name).symlink_to(both.installation.bin / "mlcc")
    path = f"{folder}:{both.installation.tools}:{os.environ['PATH']}"
    line = ["env", "-i", f"PATH={path}", name, "-O=ml-size", "-c", "a.c"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=both.installation.root)
    assert "thumb-size" in done.stdout and "--target=thumbv7em-none-eabi" in done.stdout


WORDS = st.one_of(
    st.sampled_from([name for name, entry in OPTIONS.items() if entry[0] != PREFIX]),
    st.sampled_from(["-O=ml-size", "-O=ml", "-O2", "-Os", "-O", "-", "--", "-m64", "-c", "-mthumb", "-Xarch_arm"]),
    st.sampled_from([f"a.{extension}" for extension in sorted(CODE_EXTENSIONS)]),
    st.sampled_from(sorted(CODE_LANGUAGES)).map(lambda language: f"-x{language}"),
    st.sampled_from(["riscv32-elf", "arm-none-eabi", "amd64-linux", "thumbv6m"]).map(lambda t: f"--target={t}"),
    st.sampled_from(["rv32imc", "rv64gc", "armv7e-m", "armv7-a", "cortex-m0", "Cortex-A9"]).flatmap(
        lambda name: st.sampled_from([f"-march={name}", f"-mcpu={name}"])
    ),
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=6),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, max_size=8), everywhere=st.sampled_from(["", "ml-size", "ml"]))
def test_any_line_becomes_the_same(both: Both, words: list[str], everywhere: str) -> None:
    environment = {"MLCC_OBJECTIVE": everywhere}
    path = both.installation.bin / "mlcc"
    assert both.launcher(path, words, environment) == both.python(path, words, environment)
