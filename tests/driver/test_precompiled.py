"""Precompiled headers and modules."""

from __future__ import annotations

import pytest
from behaviour import Pair

FILES = {
    "head.h": "#ifndef HEAD_H\n#define HEAD_H\nstatic inline int two(void) { return 2; }\n#endif\n",
    "main.c": '#include "head.h"\nint main(void) { return two() - 2; }\n',
    "module.modulemap": 'module Head { header "head.h" }\n',
    "part.cppm": "export module part;\nexport int two() { return 2; }\n",
    "main.cc": "import part;\nint main() { return two() - 2; }\n",
}


@pytest.mark.parametrize("making", ["clang", "mlcc"])
def test_a_precompiled_header_of_either_is_used_by_both(pair: Pair, making: str) -> None:
    pair.write(FILES)
    line = "{O} -x c-header head.h -o head.pch"
    made = pair.clangs(line) if making == "clang" else pair.mlccs(line, "change")
    pair.folder.joinpath("head.pch").write_bytes(made.files["head.pch"])
    pair.check_program("{O} -include-pch head.pch main.c -o out")


@pytest.mark.parametrize(
    "line",
    ["{O} head.h", "{O} head.h -o other.gch", "{O} -emit-ast main.c", "{O} -x c++-header head.h -Werror"],
)
def test_headers_are_made_as_by_clang(pair: Pair, line: str) -> None:
    pair.write(FILES)
    assert pair.check(line).code == 0


def test_implicit_modules_work(pair: Pair) -> None:
    pair.write(FILES)
    line = "{O} -fmodules -fmodules-cache-path=modules -fmodule-map-file=module.modulemap main.c -o out"
    pair.check_program(f"{line} -Xclang -fno-modules-global-index")  # the index has times in it


def test_cxx_modules_work(pair: Pair) -> None:
    pair.write(FILES)
    made = pair.check("{O} -std=c++20 --precompile part.cppm -o part.pcm", cxx=True)
    pair.folder.joinpath("part.pcm").write_bytes(made.files["part.pcm"])
    pair.check_program("{O} -std=c++20 -fmodule-file=part=part.pcm main.cc part.pcm -o out", cxx=True)
