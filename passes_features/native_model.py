"""Inference of an exported policy model (.onnx) by the engines that the compiler uses.

Takes one row of float32 features and gives the float32 scores. `native` is the evaluator inside the compiler;
`ort` is ONNX Runtime's library, loaded by the same C++ core, which is the reference for it.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlcomp.passes_features.native import ErrorSlot, NativeError, library

Engine = Literal["native", "ort"]
Row = npt.NDArray[np.float32]

_p, _s, _z = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t

# name: (result, arguments); the header cpp_shim/capi/model.h says what they mean
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "mlcomp_model_load": (_p, [_s, _s, _s, ctypes.POINTER(_p)]),
    "mlcomp_model_input_size": (_z, [_p]),
    "mlcomp_model_output_size": (_z, [_p]),
    "mlcomp_model_run": (ctypes.c_int, [_p, _p, _z, _p, _z, ctypes.POINTER(_p)]),
    "mlcomp_model_free": (None, [_p]),
}


@functools.cache
def _library() -> ctypes.CDLL:
    lib = library()
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


@functools.cache
def ort_library_path() -> Path:
    """Where libonnxruntime is: `$MLCOMP_ORT_LIBRARY`, or inside the installed package onnxruntime."""
    if override := os.environ.get("MLCOMP_ORT_LIBRARY"):
        return Path(override)
    package = importlib.util.find_spec("onnxruntime")
    for folder in (package.submodule_search_locations or []) if package else []:
        for found in sorted(Path(folder, "capi").glob("libonnxruntime.so*")):
            return found
    raise NativeError("ONNX Runtime is not installed; install onnxruntime or set MLCOMP_ORT_LIBRARY")


class Model:
    """A loaded model. Not for several threads at once.

    Parameters
    ----------
    path : str or Path
        The .onnx file: one float input of shape [features] or [batch, features], one float output.
    engine : {"native", "ort"}
        Who computes it.
    ort_library : Path, optional
        libonnxruntime for the engine `ort`; by default `ort_library_path()`.

    Raises
    ------
    NativeError
        If the file is no such model, or the engine cannot compute it.
    """

    def __init__(self, path: str | Path, engine: Engine = "native", ort_library: Path | None = None) -> None:
        if engine == "ort" and ort_library is None:
            ort_library = ort_library_path()
        error = ErrorSlot()
        runtime = os.fsencode(ort_library) if ort_library else None
        self._handle = _library().mlcomp_model_load(os.fsencode(path), engine.encode(), runtime, error.ref)
        error.raise_if(not self._handle)
        self.input_size = int(_library().mlcomp_model_input_size(self._handle))
        self.output_size = int(_library().mlcomp_model_output_size(self._handle))

    def run(self, features: npt.ArrayLike) -> Row:
        """Scores, shape [output_size], of one row of features, shape [input_size]."""
        row = np.ascontiguousarray(features, np.float32).reshape(-1)
        scores = np.empty(self.output_size, np.float32)
        error = ErrorSlot()
        failed = _library().mlcomp_model_run(
            self._handle, row.ctypes.data, row.size, scores.ctypes.data, scores.size, error.ref
        )
        error.raise_if(failed)
        return scores

    def close(self) -> None:
        """Frees the model. It cannot be used afterwards."""
        if self._handle:
            _library().mlcomp_model_free(self._handle)
            self._handle = None

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


def run_model(path: str | Path, features: npt.ArrayLike, engine: Engine = "native") -> Row:
    """Scores of one row of features by a model that is loaded for this call; see `Model`."""
    with Model(path, engine) as model:
        return model.run(features)
