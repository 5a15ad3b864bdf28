"""Counts of blocked convolutions add up to the work that there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcomp.estimator.networks import blocks
from mlcomp.estimator.networks.features import COLUMNS, LOGARITHMIC, Floats

FIRST = 3  # columns before those of the kernels: for each size of a set, at 6, 3, 2 and 1 positions at once
AT_ONCE = (6, 3, 2, 1)


def row(**values: float) -> Floats:
    """A row of features with these values, the others 0, shape (1, columns)."""
    x = [values.get(name.replace(" ", "_"), 0.0) for name in COLUMNS]
    logs = [np.log2(1 + v) if name in LOGARITHMIC else v for name, v in zip(COLUMNS, x, strict=True)]
    return np.array([logs], np.float32).astype(np.float64)


def convolution(size: tuple[int, int], kernel: tuple[int, int], stride: int, dilation: int, **more: float) -> Floats:
    """A convolution of an image with as much padding as half a window."""
    pads = [dilation * (k - 1) // 2 for k in kernel]
    made = [(n + 2 * pad - dilation * (k - 1) - 1) // stride + 1 for n, pad, k in zip(size, pads, kernel, strict=True)]
    shapes = {"ih": size[0], "iw": size[1], "h": made[0], "w": made[1], "kh": kernel[0], "kw": kernel[1]}
    return row(**{"groups": 1, **shapes, "stride": stride, "dilation": dilation, "padding": sum(pads) / 2, **more})


def taps(size: int, kernel: int, stride: int, dilation: int) -> int:
    """Along one side, pairs of a position and a tap that is inside, counted one by one."""
    pad = dilation * (kernel - 1) // 2
    made = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    return sum(0 <= p * stride + k * dilation - pad < size for p in range(made) for k in range(kernel))


def kernels(x: Floats) -> Floats:
    """The counts of kernels, shape (sizes of sets, positions at once)."""
    return blocks.counts(x)[0, FIRST : FIRST + blocks.SET * len(AT_ONCE)].reshape(blocks.SET, len(AT_ONCE))


@settings(max_examples=200, deadline=None)
@given(
    size=st.tuples(st.integers(5, 40), st.integers(5, 40)),
    kernel=st.sampled_from([(1, 1), (3, 3), (5, 5), (1, 3), (7, 1), (7, 7)]),
    stride=st.integers(1, 2),
    dilation=st.integers(1, 2),
    c=st.integers(1, 90),
    f=st.integers(1, 200),
)
def test_all_products_are_counted_once(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, dilation: int, c: int, f: int
) -> None:
    if any(dilation * (k - 1) >= n for k, n in zip(kernel, size, strict=True)):
        return
    found = kernels(convolution(size, kernel, stride, dilation, c=c, f=f))
    channels = c if c < blocks.BLOCK else -(-c // blocks.BLOCK) * blocks.BLOCK
    pairs = [taps(n, k, stride, dilation) for n, k in zip(size, kernel, strict=True)]
    counted = sum(found[s, i] * (s + 1) * at_once for s in range(blocks.SET) for i, at_once in enumerate(AT_ONCE))
    assert counted == pairs[0] * pairs[1] * channels * -(-f // blocks.BLOCK)


def test_filters_come_in_sets_of_four_blocks_and_a_rest() -> None:
    found = kernels(convolution((14, 14), (3, 3), 1, 1, c=32, f=96))
    work = 32 * (12 * 3 + 2 * 2)
    assert found.tolist() == [[0] * 4, [work * 6, 0, 0, work * 4], [0] * 4, [work * 6, 0, 0, work * 4]]


def test_depthwise_filters_stand_alone() -> None:
    found = kernels(convolution((8, 8), (3, 3), 1, 1, groups=40, c=1, f=1))
    assert found[0].tolist() == [3 * 22 * 3, 0, 0, 3 * 22 * 4] and not found[1:].any()


def test_pointwise_positions_are_one_row() -> None:
    found = kernels(convolution((5, 5), (1, 1), 1, 1, c=64, f=64))
    assert found[3].tolist() == [64 * 4, 0, 0, 64]
    with_stride = kernels(convolution((9, 9), (1, 1), 2, 1, c=64, f=64))
    assert with_stride[3].tolist() == [0, 64 * 5, 64 * 5, 0]
