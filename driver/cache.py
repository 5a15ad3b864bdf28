"""The folder for what can be made again, such as unpacked policies. Many drivers may use it at once."""

from __future__ import annotations

import os


def cache_folder() -> str:
    """A writable folder that only this user can change, or nothing if there is none."""
    home = os.environ.get("HOME", "")
    base = os.environ.get("XDG_CACHE_HOME") or (os.path.join(home, ".cache") if home else "")
    if base.startswith("/"):
        folder = os.path.join(base, "mlcomp")
        try:
            os.makedirs(folder, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        except OSError:
            pass
    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"mlcomp-{os.getuid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError:
        return ""
    mine = status.st_uid == os.getuid() and status.st_mode & 0o170022 == 0o040000
    return folder if mine and os.access(folder, os.W_OK) else ""


def write_atomically(path: str, contents: bytes) -> None:
    """Replace a file at once; failing leaves it as it was, for a cache is only a help."""
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            file.write(contents)
        os.rename(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
