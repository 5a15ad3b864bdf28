"""How often the loops of ONNX Runtime's blocked convolutions run, from the columns of `features`.

With layout NCHWc, channels stand in blocks of 16. A kernel makes a row of outputs (all rows of a pointwise convolution
with stride 1) for up to four blocks of filters and some input channels: six positions at once, then three and two.
Single positions, and those whose window is partly outside, are slow. Further input channels add to what is there.
Source: snchwc.cpp and SconvKernelAvx512F.S of MLAS, in ONNX Runtime.
"""

from __future__ import annotations

import numpy as np

from mlcomp.estimator.networks.features import ACTIVATIONS, Floats, natural

BLOCK = 16  # channels
SET = 4  # blocks of filters that are made at once
POINTWISE_PASS = 128  # input channels
UNROLLED = 6  # positions
CACHES = (32e3, 1e6, 16e6)  # bytes: of the first, the second, a share of the third level
LONGEST_PADDING = 8  # output positions at an edge whose windows are looked at one by one


def counts(x: Floats) -> Floats:
    """Counts (n, k) for rows (n, columns) that are convolutions; what a layer costs is linear in them."""
    names = ("c", "f", "groups", "h", "w", "ih", "iw", "kh", "kw", "stride", "dilation")
    c, f, groups, h, w, ih, iw, kh, kw, stride, dilation = (np.maximum(np.round(natural(x, n)), 1) for n in names)
    depthwise = (groups > 1) & (c == 1) & (f == 1)
    few = (c < BLOCK) & ~depthwise  # such inputs are not in blocks
    pointwise = (kh * kw == 1) & (natural(x, "padding") == 0) & ~few & ~depthwise
    groups, f = np.where(depthwise, np.ceil(groups / BLOCK), groups), np.where(depthwise, BLOCK, f)
    blocks = np.ceil(f / BLOCK)
    channels = np.where(depthwise, 1, np.where(few, c, BLOCK * np.ceil(c / BLOCK)))
    chunk = np.minimum(channels, np.where(few, 1, np.where(pointwise, POINTWISE_PASS, BLOCK)))
    passes, sets = np.ceil(channels / chunk), np.ceil(blocks / SET)

    rows, row_taps = _taps(h, ih, kh, stride, dilation)
    inner, edge_taps = _taps(w, iw, kw, stride, dilation)
    row_taps += rows * kh
    whole = pointwise & (stride == 1)
    inner, row_taps = np.where(whole, h * w, inner), np.where(whole, 1, row_taps)
    calls = np.where(whole, 1, h) * groups * sets * passes
    six, rest = inner // UNROLLED, inner % UNROLLED
    positions = (six, rest >= 3, (rest == 2) | (rest == 5), (rest == 1) | (rest == 4))

    found = [np.ones(len(x)), calls, calls * (six + 2)]
    for size in range(1, SET + 1):  # sets of so many blocks
        number = blocks // SET if size == SET else blocks % SET == size
        work = groups * channels * row_taps * number
        found += [work * kw * p for p in positions[:3]] + [work * (kw * positions[3] + edge_taps)]

    made, data = groups * blocks * BLOCK * h * w * 4, natural(x, "in bytes")
    weights, filters = natural(x, "weight bytes"), np.minimum(f, SET * BLOCK)
    tile = filters * w * np.where(few, 1, h) * 4  # what a pass adds to
    loaded = np.where(whole, np.ceil(inner / UNROLLED), h) * weights
    found += [
        made,
        data,
        weights,
        natural(x, "result bytes"),
        made * natural(x, "sum"),
        data * sets,
        made * passes,
        loaded,
    ]
    found += [made * passes * (tile > cache) for cache in CACHES[:2]]
    found += [data * sets * (np.where(pointwise, data, chunk * ih * iw * 4) > cache) for cache in CACHES[:2]]
    found.append(loaded * (chunk * filters * kh * kw * 4 > CACHES[0]))
    for cache in CACHES[1:]:
        found += [weights * (natural(x, "reuse weights") > cache), data * (natural(x, "reuse in") > cache)]
        found.append(made * (natural(x, "most live") > cache))
    found += [made * natural(x, f"activation {name}") for name in ACTIVATIONS]
    return np.column_stack(found)


def _taps(size: Floats, before: Floats, kernel: Floats, stride: Floats, dilation: Floats) -> tuple[Floats, Floats]:
    """Along one side: positions whose window is inside, and the taps inside of those whose window is not."""
    padding = np.maximum(0, (size - 1) * stride + dilation * (kernel - 1) + 1 - before)
    edges = (np.ceil(padding / 2), np.floor(padding / 2))
    outside = np.minimum(np.ceil(edges[0] / stride), size)
    outside += np.minimum(np.ceil(edges[1] / stride), size - outside)
    missing = sum(
        np.clip(np.ceil((edge - i * stride) / dilation), 0, kernel) for edge in edges for i in range(LONGEST_PADDING)
    )
    return size - outside, np.maximum(outside * kernel - missing, 0)
