"""`.mlpolicy` files: a policy's folder as one zip archive, its files at the top. Standard library only."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

MANIFEST = "manifest.json"
MAX_BYTES = 64 << 20
MAX_FILES = 64


class ArchiveError(Exception):
    """The archive is broken or not a policy; the message is one line."""


def pack(folder: Path, path: Path) -> None:
    """Write a policy's folder to a `.mlpolicy` file: the same folder gives the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(f for f in folder.iterdir() if f.is_file()):
            entry = zipfile.ZipInfo(file.name)  # dated 1980, whenever it is made
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def unpack(contents: bytes, folder: str) -> None:
    """Unpack an archive's bytes to `folder`, which appears whole or not at all; raises `ArchiveError`."""
    try:
        files = _read(contents)
        parent = os.path.dirname(folder)
        os.makedirs(parent, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=parent)
        try:
            for name, data in files.items():
                with open(os.path.join(temporary, name), "wb") as file:
                    file.write(data)
            os.chmod(temporary, 0o755)
            os.rename(temporary, folder)
        finally:
            # Where somebody else was faster the folder is there already, with the same contents.
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as problem:
        if not os.path.isfile(os.path.join(folder, MANIFEST)):
            raise ArchiveError(f"cannot be unpacked to {folder}: {problem.strerror}") from problem


def _read(contents: bytes) -> dict[str, bytes]:
    """The archive's files by name."""
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            entries = archive.infolist()
            names = {e.filename for e in entries}
            if any("/" in n or "\\" in n or n in ("", ".", "..") for n in names) or len(names) != len(entries):
                raise ArchiveError("is no policy archive: it has folders or doubled names")
            if MANIFEST not in names:
                raise ArchiveError(f"is no policy archive: it has no {MANIFEST}")
            if len(entries) > MAX_FILES or sum(e.file_size for e in entries) > MAX_BYTES:
                raise ArchiveError(f"is larger than {MAX_BYTES >> 20} MiB or {MAX_FILES} files")
            return {e.filename: archive.read(e) for e in entries}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as problem:
        raise ArchiveError(f"is broken or no policy archive: {problem}") from problem
