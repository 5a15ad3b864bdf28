"""Loads libmlcomp, the C ABI of the core (`cpp_shim/capi`), and turns its errors into exceptions."""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path


class NativeError(RuntimeError):
    """The core refused or failed; the message is one line for the user."""


class Size(ctypes.Structure):
    """`mlcomp_size`: bytes by section and how the measurement ended (0: measured)."""

    _fields_ = [
        ("text", ctypes.c_uint64),
        ("rodata", ctypes.c_uint64),
        ("data", ctypes.c_uint64),
        ("bss", ctypes.c_uint64),
        ("unwind", ctypes.c_uint64),
        ("end", ctypes.c_int32),
    ]


def library_path() -> Path:
    """Where libmlcomp.so is: `$MLCOMP_LIBRARY`, or the package's `lib` folder."""
    if override := os.environ.get("MLCOMP_LIBRARY"):
        return Path(override)
    return Path(__file__).parent.parent.joinpath("lib", "libmlcomp.so")


_p, _s, _u, _i = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_int
_error = ctypes.POINTER(_p)
_size = ctypes.POINTER(Size)
_floats = ctypes.POINTER(ctypes.c_float)

# name: (result, arguments); the header cpp_shim/capi/session.h says what they mean
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "mlcomp_string_free": (None, [_p]),
    "mlcomp_llvm_version": (_s, []),
    "mlcomp_feature_count": (_u, []),
    "mlcomp_feature_name": (_s, [_u]),
    "mlcomp_session_create": (_p, [_s, ctypes.c_size_t, _s, _i, _error]),
    "mlcomp_session_clone": (_p, [_p]),
    "mlcomp_session_free": (None, [_p]),
    "mlcomp_session_apply": (_i, [_p, _s, _error]),
    "mlcomp_session_check": (_i, [_p, _s, _error]),
    "mlcomp_session_verify": (_i, [_p, _error]),
    "mlcomp_verify_steps": (None, [_i]),
    "mlcomp_session_features": (None, [_p, _p]),
    "mlcomp_session_instructions": (_u, [_p]),
    "mlcomp_session_triple": (_s, [_p]),
    "mlcomp_session_size": (_i, [_p, _size, _error]),
    "mlcomp_session_try": (
        _i,
        [_p, _s, ctypes.POINTER(_s), _u, _u, _size, _p, _error],
    ),
    "mlcomp_session_compile": (_i, [_p, _s, ctypes.POINTER(_s), _u, _u, _p, _p, _p, _p, _error]),
    "mlcomp_machine_kind": (_s, [_u]),
    "mlcomp_crossing_kind": (_s, [_u]),
    "mlcomp_session_insert_probes": (None, [_p]),
    "mlcomp_session_insert_counters": (_p, [_p, _u]),
    "mlcomp_session_profiled_counts": (_p, [_p, _u]),
    "mlcomp_machine_counts": (_i, [ctypes.POINTER(_s), _u, _s, _s, ctypes.c_size_t, _p, _error, _error]),
    "mlcomp_session_write": (_p, [_p, _i, ctypes.POINTER(ctypes.c_size_t)]),
    "mlcomp_object_size": (_i, [_s, ctypes.c_size_t, _size, _error]),
}


@functools.cache
def library() -> ctypes.CDLL:
    """The loaded library with its functions' signatures; raises `NativeError` if it is missing."""
    path = library_path()
    try:
        lib = ctypes.CDLL(str(path))
    except OSError as problem:
        raise NativeError(f"cannot load {path}: {problem}; run `make setup`") from problem
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def take_string(pointer: int | None, size: int | None = None) -> bytes:
    """The bytes at a string that the library allocated, which is freed."""
    if not pointer:
        return b""
    text = ctypes.string_at(pointer) if size is None else ctypes.string_at(pointer, size)
    library().mlcomp_string_free(pointer)
    return text


class ErrorSlot:
    """An out parameter for a message: pass `.ref`, then `raise_if(failed)`."""

    def __init__(self) -> None:
        self._message = ctypes.c_void_p()
        self.ref = ctypes.byref(self._message)

    def raise_if(self, failed: object) -> None:
        """Raises `NativeError` with the library's message if `failed` is true."""
        if failed:
            raise NativeError(take_string(self._message.value).decode(errors="replace") or "unknown error")


def object_size(contents: bytes) -> Size:
    """Section sizes (bytes) of an object file; on RISC-V calls count as the linker relaxes them."""
    error, size = ErrorSlot(), Size()
    error.raise_if(library().mlcomp_object_size(contents, len(contents), ctypes.byref(size), error.ref))
    return size
