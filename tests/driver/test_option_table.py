"""The table of clang's options says what clang itself says."""

from __future__ import annotations

import subprocess

import pytest

from mlcomp.driver.options import EITHER, OPTIONS, PREFIX, SEPARATE


def missing_values(clang: str, option: str) -> int:
    """How many values clang misses when an option stands alone."""
    done = subprocess.run([clang, "-###", option], capture_output=True, text=True, check=False)
    _, found, rest = done.stderr.partition(f"argument to '{option}' is missing (expected ")
    return int(rest.split()[0]) if found else 0


@pytest.mark.parametrize("option", [name for name, entry in OPTIONS.items() if entry[0] in (SEPARATE, EITHER)])
def test_options_with_values_take_as_many_as_clang_wants(clang: str, option: str) -> None:
    entry = OPTIONS[option]
    assert missing_values(clang, option) == (entry[2] if len(entry) == 3 else 1)


@pytest.mark.parametrize("option", [name for name, entry in OPTIONS.items() if entry[0] == PREFIX])
def test_prefixes_take_a_value_whatever_follows_them(clang: str, option: str) -> None:
    assert missing_values(clang, f"{option}x86_64") == 1


@pytest.mark.parametrize(
    "option", [name for name, entry in OPTIONS.items() if entry[0] not in (SEPARATE, EITHER, PREFIX)]
)
def test_the_others_take_no_value(clang: str, option: str) -> None:
    assert missing_values(clang, option) == 0


def test_the_table_is_sorted() -> None:
    assert list(OPTIONS) == sorted(OPTIONS)


def test_every_option_that_clang_completes_and_that_often_has_a_value_is_known(clang: str) -> None:
    """Asking for all options takes minutes; those with short names and of the families with values,
    seconds."""
    done = subprocess.run([clang, "--autocomplete=-"], capture_output=True, text=True, check=True)
    names = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    families = ("-i", "-X", "--include", "-M", "-d", "-seg", "-sect", "-l", "-T", "-u", "-z")
    asked = {n for n in names if (len(n) <= 3 or n.startswith(families)) and not n.endswith("=")}
    unknown = [n for n in sorted(asked - set(OPTIONS)) if missing_values(clang, n)]
    prefixes = tuple(name for name, entry in OPTIONS.items() if entry[0] == PREFIX)
    assert [n for n in unknown if not n.startswith(prefixes)] == []
