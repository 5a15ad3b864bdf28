"""Spaces, quotes, bytes that are no text, and more arguments than a command line holds."""

from __future__ import annotations

import pytest
from behaviour import Pair

NAMES = [
    "with space",
    "quo'te",
    'double"quote',
    "back\\slash",
    "dollar$HOME",
    "ümlaut",
    "paren(1)",
    "-dash",
    "new\nline",
]


@pytest.mark.parametrize("name", NAMES)
def test_paths_of_any_letters_work(pair: Pair, name: str) -> None:
    folder = pair.folder / name
    folder.mkdir()
    folder.joinpath(f"{name}.c").write_text('#include "head er.h"\nint main(void) { return X; }\n')
    folder.joinpath("head er.h").write_text("#define X 0\n")
    source = f"./{name}/{name}.c"
    for policy in ("keep", "change"):
        environment = {"MLCC_STRICT": "1", "MLCC_POLICY": str(pair.installation.root / policy)}
        made = pair.outcome(
            [pair.installation.bin / "mlcc", "-O=ml-size", "-g", "-MD", source, "-o", f"./{name}/out"], **environment
        )
        expected = pair.outcome([pair.clang, "-Oz", "-g", "-MD", source, "-o", f"./{name}/out"])
        assert (made.code, made.stderr, set(made.files)) == (0, b"", set(expected.files))


def test_a_policy_in_a_folder_of_any_letters_is_used(pair: Pair) -> None:
    pair.write({"a.c": "int f(int x) { int y = x; return y; }\n"})
    strange = pair.folder / "a, b;c 'd' \"ü\""
    strange.symlink_to(pair.installation.root / "change")
    plain = pair.mlccs("{O} -c a.c", "change")
    made = pair.outcome([pair.installation.bin / "mlcc", "-O=ml-size", "-c", "a.c"], MLCC_POLICY=str(strange),
                        MLCC_EFFORT="0", MLCC_STRICT="1")  # fmt: skip
    assert made == plain


def test_bytes_that_are_no_text_are_names(pair: Pair) -> None:
    source = pair.folder / "\udcff.c"
    source.write_text("int x;\n")
    made = pair.outcome([pair.installation.bin / "mlcc", "-O=ml-size", "-c", source], MLCC_STRICT="1",
                        MLCC_POLICY=str(pair.installation.root / "keep"))  # fmt: skip
    assert (made.code, made.stderr) == (0, b"")


def test_very_long_command_lines_work(pair: Pair) -> None:
    pair.write({"a.c": "int main(void) { return LAST; }\n"})
    definitions = [f"-DNAME_{i}=a_value_of_some_length" for i in range(20_000)]
    environment = {"MLCC_STRICT": "1", "MLCC_POLICY": str(pair.installation.root / "change")}
    line = [pair.installation.bin / "mlcc", "-O=ml-size", *definitions, "-DLAST=0", "a.c", "-o", "out"]
    made = pair.outcome(line, **environment)
    assert (made.code, made.stderr) == (0, b"")
    assert pair.run(made).code == 0
    pair.write({"words": "\n".join(["-O=ml-size", *definitions, "-DLAST=0"])})
    assert pair.outcome([line[0], "@words", "a.c", "-o", "out"], **environment) == made
