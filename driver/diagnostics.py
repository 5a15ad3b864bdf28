"""What the driver says to the user: one line on standard error, in clang's manner."""

from __future__ import annotations

import sys

LLVM_MAJOR = 19
"""The LLVM that the plugin is built for; clang's must be the same."""


class DriverError(Exception):
    """The command cannot be carried out; the message is one line for the user."""


class UnusableError(Exception):
    """The policy cannot be used, clang alone can go on; the message is one line for the user."""


def say(kind: str, message: str) -> None:
    """Print `mlcc: KIND: MESSAGE` on standard error."""
    print(f"mlcc: {kind}: {message}", file=sys.stderr, flush=True)


def nearest(name: str, known: list[str]) -> str:
    """A hint at the known name that `name` was probably meant to be, or at all of them."""
    import difflib  # slow to import, and only needed for bad input

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "known are " + ", ".join(known)
