"""What the user set: options of ours on the command line, then environment variables, then defaults."""

from __future__ import annotations

import os

from mlcomp.driver.diagnostics import DriverError, nearest, say

VARIABLES = "MLCC_CLANG MLCC_OBJECTIVE MLCC_POLICY MLCC_EFFORT MLCC_DISABLE MLCC_STRICT MLCC_LOG".split()
OWN_PREFIXES = ("-O=ml", "-Oml", "--ml-")
"""How the arguments begin that are ours alone."""

QUESTIONS = ("--cmake-toolchain", "--meson-cross", "--ml-help", "--print-config")
"""What is answered here, without clang."""

METRICS = ("size", "time", "energy")
NUMERIC = set("0123456789.eE+-")  # of what LLVM takes for a number; Python takes more
MOST_WEIGHT = 1_000_000


class Settings:
    """Checked values; raises `DriverError` for bad ones."""

    def __init__(self, own: dict[str, str]) -> None:
        self.strict = switch("MLCC_STRICT")
        self.disabled = switch("MLCC_DISABLE")
        self.effort = _effort(own)
        self.weights = _weights(own.get("--ml-weights", ""))
        self.policy = own.get("--ml-policy") or os.environ.get("MLCC_POLICY", "")
        self.explain = own.get("--ml-explain", "")
        if self.explain not in ("", "text") and not (self.explain.startswith("json:") and self.explain[5:]):
            raise DriverError(f"'--ml-explain={self.explain}' is not --ml-explain or --ml-explain=json:FILE")
        self.log = os.environ.get("MLCC_LOG", "")


def switch(name: str) -> bool:
    """The value of an environment variable that is 0 or 1."""
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        raise DriverError(f"{name}='{value}' is not 0 or 1")
    return value == "1"


def warn(message: str, outcome: str = "") -> None:
    """Say a message and what becomes of it; raises `DriverError` of the message if `MLCC_STRICT` is 1."""
    if switch("MLCC_STRICT"):
        raise DriverError(message)
    say("warning", message + outcome)


def objective_everywhere() -> str:
    """What -O1, -O2, -O3, -Os and -Oz stand for by `MLCC_OBJECTIVE`, such as -O=ml-size; or nothing."""
    from mlcomp.driver.options import OBJECTIVES  # a large table that a plain clang does not need

    name = os.environ.get("MLCC_OBJECTIVE", "")
    if name and name not in OBJECTIVES:
        raise DriverError(f"MLCC_OBJECTIVE='{name}' is no objective; {nearest(name, list(OBJECTIVES))}")
    return f"-O={name}" if name else ""


def check_environment() -> None:
    """Report variables that look like ours and are not: probably typing errors."""
    for name in os.environ:
        if name.startswith("MLCC_") and name not in VARIABLES:
            message = f"unknown environment variable {name}; {nearest(name, VARIABLES)}"
            warn(message)


def _effort(own: dict[str, str]) -> str:
    for place, value in (
        ("--ml-effort", own.get("--ml-effort")),
        ("MLCC_EFFORT", os.environ.get("MLCC_EFFORT")),
    ):
        if value:
            if value not in ("0", "1", "2", "3"):
                raise DriverError(f"'{place}={value}': effort is 0, 1, 2 or 3")
            return value
    return "1"


def _weights(text: str) -> str:
    seen: dict[str, float] = {}
    for part in text.split(",") if text else ():
        name, _, value = part.partition("=")
        if name not in METRICS or name in seen:
            raise DriverError(
                f"'--ml-weights={text}': give size, time and energy at most once each, as in size=1,time=2"
            )
        try:
            seen[name] = float(value) if NUMERIC.issuperset(value) else -1
        except ValueError:
            seen[name] = -1
        if not 0 <= seen[name] <= MOST_WEIGHT:
            raise DriverError(f"'--ml-weights={text}': '{value}' is not a number from 0 to {MOST_WEIGHT:,}")
    if seen and not any(seen.values()):
        raise DriverError(f"'--ml-weights={text}': one weight must be above 0")
    return text
