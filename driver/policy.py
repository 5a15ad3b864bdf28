"""Finds a policy: one that ships, or a name, a folder or a `.mlpolicy` file that the user gave."""

from __future__ import annotations

import os

from mlcomp.driver.cache import cache_folder
from mlcomp.driver.diagnostics import DriverError, UnusableError

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHIPPED = os.path.join(PACKAGE, "policies")
MANIFEST = "manifest.json"


def is_policy(folder: str) -> bool:
    """Whether a folder is a policy; what is in it is checked where it is read."""
    return os.path.isfile(os.path.join(folder, MANIFEST))


def shipped_policy(arch: str, objective: str) -> str:
    """The folder of the policy that ships for an architecture and an objective, or nothing."""
    folder = os.path.join(SHIPPED, f"{arch}-{objective}")
    return folder if is_policy(folder) else ""


def named_policy(text: str) -> str:
    """The folder of a policy that the user named.

    Raises `DriverError` if there is none, `UnusableError` if it cannot be unpacked.
    """
    if is_policy(text):
        return text
    if os.path.isfile(text):
        return unpacked(text)
    folder = os.path.join(SHIPPED, text)
    if "/" not in text and is_policy(folder):
        return folder
    if os.path.isdir(text):
        raise DriverError(f"'{text}' is no policy: it has no {MANIFEST}; make one with mlcomp-export")
    raise DriverError(f"policy '{text}' was not found; `mlcomp policy list` shows those that ship")


def objective_of(folder: str) -> str:
    """The objective that a manifest states. Reading all of the JSON would cost more than starting clang."""
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return ""
    _, found, rest = text.partition('"objective"')
    return rest.split('"', 2)[1] if found and rest.count('"') > 1 else ""


def unpacked(path: str) -> str:
    """The folder with the contents of a `.mlpolicy` file, unpacked once for each content; raises `UnusableError`."""
    import hashlib

    try:
        with open(path, "rb") as file:
            contents = file.read()
    except OSError as problem:
        raise UnusableError(f"cannot read policy '{path}': {problem.strerror}") from problem
    cache = cache_folder()
    if not cache:
        raise UnusableError(f"no place to unpack policy '{path}'; set XDG_CACHE_HOME to a writable folder")
    folder = os.path.join(cache, "policies", hashlib.sha256(contents).hexdigest())
    if not is_policy(folder):
        from mlcomp.policies.archive import ArchiveError, unpack

        try:
            unpack(contents, folder)
        except ArchiveError as problem:
            raise UnusableError(f"policy '{path}': {problem}") from problem
    return folder
