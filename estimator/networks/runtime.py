"""What runs networks: the interface that `bench` and `evaluate` see, and the list of all there are.

To add one, write a class with the members of `Runtime` and name it in `open_runtime`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import onnx

from mlcomp.estimator.networks.executed import Mapping
from mlcomp.estimator.networks.graph import Network, NetworkError

RUNTIMES = ("ort-cpu", "ibex-c")
CLOCKS = {"ibex-c": 50e6}  # Hz, of platforms that count cycles of plain C; their times are cycles at this rate


@dataclass(frozen=True)
class Timed:
    """A network as it was executed, with seconds: of all, and of a reference kernel meanwhile if there is one."""

    mapping: Mapping
    total: float
    reference: float | None = None
    spread: float | None = None


class Runtime(Protocol):
    """Executes networks and times them."""

    name: str

    def measure(self, model: onnx.ModelProto, network: Network, seconds: float, weights: Path | None = None) -> Timed:
        """Executes a model that `describe` has named, for about so many seconds of CPU time.

        `weights` is the folder of external ones. Raises `NetworkError` if the network cannot be executed.
        """

    def benchmark(self, name: str) -> onnx.ModelProto:
        """A benchmark of this runtime, `random:SEED` or `micro:SEED`."""


def open_runtime(name: str) -> AbstractContextManager[Runtime]:
    """A runtime by name; raises `NetworkError` if there is none."""
    if name == "ort-cpu":
        from mlcomp.estimator.networks.ort_cpu import OrtCpu

        return OrtCpu()
    if name == "ibex-c":
        from mlcomp.estimator.networks.ibex_c import IbexC

        return IbexC()
    raise NetworkError(
        f"there is no way to run networks on '{name}'; choose {' or '.join(RUNTIMES)}, "
        "or fit from a CSV of measurements"
    )
