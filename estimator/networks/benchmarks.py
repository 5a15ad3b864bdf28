"""What is benchmarked: networks made of the motifs that architectures are made of, with random dimensions.

`random_network` is a multi-layer benchmark: it shows which layers the runtime fuses, removes and inserts, and
what layers cost amidst others. `micro_network` is one layer, a sweep's step. The same seed gives the
same network to the byte.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx

from mlcomp.estimator.networks.builder import Builder

COMMON = ("Relu",) * 6 + ("Clip",) * 3 + ("SiLU", "SiLU", "HardSwish", "HardSwish", "Sigmoid", "LeakyRelu", "Tanh")
RARE = ("HardSigmoid", "Elu", "Softplus", "PRelu", "Gelu")
KERNELS: tuple[int | tuple[int, int], ...] = (1, 1, 1, 3, 3, 3, 3, 5, 7, (1, 3), (3, 1), (1, 7), (7, 1))


@dataclass(frozen=True)
class Size:
    """How large benchmark networks are."""

    ops: float = 0.8e9  # multiplications and additions of a network, about
    bytes: float = 12e6  # of one tensor
    channels: float = 1.0  # relative to those of networks for large images
    stem: tuple[int, int] = (16, 96)  # channels after the first layer
    image: tuple[int, int] = (32, 330)  # sides of images, of what is inside networks, of what is swept
    inside: tuple[int, int] = (4, 120)
    swept: tuple[int, int] = (3, 130)


class Sampler:
    """A random network in the making: a builder, a generator, and a budget of operations."""

    def __init__(self, seed: int, size: Size | None = None, net: Builder | None = None) -> None:
        self.random = random.Random(seed)
        self.size = size or Size()
        self.net = net or Builder(f"random-{seed}", seed)
        self.spent = 0.0
        self.norm = self.random.random() < 0.3  # separate batch normalisation, which runtimes fold
        self.style = self.random.choice(COMMON)  # networks mostly have one activation
        self.round = self.random.choice((1, 2, 4, 8, 8, 8, 16, 16, 16, 32))  # what numbers of channels are multiples of

    def width(self, low: float, high: float) -> int:
        """A number of channels, log-uniform."""
        value = math.exp(self.random.uniform(math.log(low), math.log(max(high, low + 1))))
        return max(self.round, round(value / self.round) * self.round)

    def usual(self, x: str) -> tuple[float, float]:
        """Numbers of channels that networks have at the size of an image; the smaller it is, the more."""
        h, w = self.net.shape(x)[2:]
        side = math.sqrt(h * w)
        return self.share(max(8.0, 400 / side)), self.share(min(2048.0, 10000 / side + 32))

    def share(self, channels: float) -> float:
        """A number of channels, or of features, as networks of this size have it."""
        return max(1.0, channels * self.size.channels)

    def side(self, limits: tuple[int, int]) -> int:
        """The height of an image, log-uniform."""
        return round(math.exp(self.random.uniform(*map(math.log, limits))))

    def next_width(self, x: str) -> int:
        """A number of channels that may follow."""
        (low, high), c = self.usual(x), self.net.channels(x)
        return self.width(max(c / 3, low), min(3 * c, high))

    def room(self, ops: float) -> bool:
        """Whether a layer with so many operations still fits; spends them if so."""
        if self.spent + ops > self.size.ops:
            return False
        self.spent += ops
        return True

    def activate(self, x: str) -> str:
        kind = self.style if self.random.random() < 0.8 else self.random.choice(COMMON + RARE)
        return self.net.activation(x, kind)

    def conv(
        self,
        x: str,
        filters: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        group: int = 1,
        dilation: int = 1,
        activation: bool = True,
        norm: bool | None = None,
    ) -> str:
        """A convolution with what follows it; one by one where the budget is spent."""
        _, c, h, w = self.net.shape(x)
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        ops = 2 * c * filters / group * kh * kw * h * w / stride**2
        if not self.room(ops):
            kernel, stride, group, filters, dilation = 1, 1, 1, min(filters, 16), 1
            self.spent += 2 * c * filters * h * w
        norm = self.norm if norm is None else norm
        x = self.net.conv(x, filters, kernel, stride, group, dilation, bias=not norm)
        if norm:
            x = self.net.batch_norm(x)
        return self.activate(x) if activation else x

    def same(self, x: str, y: str) -> bool:
        return self.net.shape(x) == self.net.shape(y)

    def add(self, x: str, y: str) -> str:
        return self.net.op("Add", *((x, y) if self.random.random() < 0.5 else (y, x)))


Motif = Callable[[Sampler, str], str]


def plain(s: Sampler, x: str) -> str:
    """Convolution, normalisation, activation."""
    stride = s.random.choice((1, 1, 1, 2))
    kernel = s.random.choice(KERNELS)
    dilation = s.random.choice((1, 1, 1, 1, 2)) if kernel == 3 and stride == 1 else 1
    return s.conv(x, s.next_width(x), kernel, stride, dilation=dilation, activation=s.random.random() < 0.85)


def grouped(s: Sampler, x: str) -> str:
    """A grouped convolution between two pointwise ones."""
    group = s.random.choice((2, 3, 4, 8, 32))
    x = s.conv(x, group * s.random.choice((2, 4, 8, 16, 16, 32)))
    c = s.net.channels(x)
    if c % group:
        return x
    return s.conv(x, c, s.random.choice((3, 3, 1, 5)), s.random.choice((1, 1, 2)), group=group)


def depthwise(s: Sampler, x: str, stride: int | None = None, activation: bool = True) -> str:
    c = s.net.channels(x)
    stride = s.random.choice((1, 1, 2)) if stride is None else stride
    dilation = s.random.choice((1,) * 8 + (2,)) if stride == 1 else 1
    return s.conv(x, c, s.random.choice((3, 3, 3, 5, 5, 7)), stride, c, dilation, activation)


def separable(s: Sampler, x: str) -> str:
    x = depthwise(s, x, activation=s.random.random() < 0.6)
    return s.conv(x, s.next_width(x), activation=s.random.random() < 0.7)


def squeeze_excite(s: Sampler, x: str) -> str:
    """Channels weighted by what pooling all of them tells."""
    c = s.net.channels(x)
    kind = s.random.choice(("GlobalAveragePool", "GlobalAveragePool", "ReduceMean"))
    if kind == "ReduceMean":
        y = s.net.op("ReduceMean", x, s.net.constant([2, 3], "int64"), keepdims=1)
    else:
        y = s.net.op("GlobalAveragePool", x)
    narrow = max(4, s.width(c / 16, c / 2))
    y = s.net.activation(s.net.conv(y, narrow, 1), s.random.choice(("Relu", s.style)))
    y = s.net.activation(s.net.conv(y, c, 1), s.random.choice(("Sigmoid", "HardSigmoid")))
    return s.net.op("Mul", x, y)


def inverted(s: Sampler, x: str) -> str:
    """Inverted residual: wide depthwise between pointwise convolutions."""
    c = s.net.channels(x)
    stride = s.random.choice((1, 1, 1, 2))
    y = s.conv(x, c * s.random.choice((1, 2, 3, 4, 6)))
    y = depthwise(s, y, stride)
    if s.random.random() < 0.4:
        y = squeeze_excite(s, y)
    y = s.conv(y, c if s.random.random() < 0.6 else s.next_width(x), activation=False)
    return s.add(x, y) if s.same(x, y) else y


def residual(s: Sampler, x: str) -> str:
    """Two or three convolutions, and a way around them."""
    c = s.net.channels(x)
    stride = s.random.choice((1, 1, 2))
    out = c if stride == 1 and s.random.random() < 0.7 else s.next_width(x)
    if s.random.random() < 0.5:
        middle = s.width(c / 4, c)
        y = s.conv(s.conv(x, middle), middle, 3, stride)
        y = s.conv(y, out, 1, activation=False)
    else:
        y = s.conv(s.conv(x, out, 3, stride), out, 3, activation=False)
    if not s.same(x, y):
        x = s.net.conv(x, s.net.channels(y), 1, stride)
        if s.norm:
            x = s.net.batch_norm(x)
    return s.activate(s.add(x, y)) if s.same(x, y) else y


def preactivated(s: Sampler, x: str) -> str:
    """Normalisation and activation come before the convolution."""
    y = s.activate(s.net.batch_norm(x))
    return s.conv(y, s.width(s.net.channels(x) / 2, s.net.channels(x) * 1.5), s.random.choice((1, 3)), norm=False)


def dense(s: Sampler, x: str) -> str:
    """Every layer sees all before it."""
    growth = s.width(8, 48)
    for _ in range(s.random.randint(2, 4)):
        y = s.activate(s.net.batch_norm(x)) if s.random.random() < 0.7 else x
        y = s.conv(y, 4 * growth) if s.random.random() < 0.5 else y
        x = s.net.op("Concat", x, s.conv(y, growth, 3, activation=False, norm=False), axis=1)
    return x


def inception(s: Sampler, x: str) -> str:
    """Branches side by side."""
    c = s.net.channels(x)
    branches = [s.conv(x, s.width(c / 6, c / 1.5))]
    for _ in range(s.random.randint(1, 3)):
        y = s.conv(x, s.width(c / 6, c / 1.5))
        for _ in range(s.random.randint(1, 2)):
            y = s.conv(y, s.width(c / 6, c / 1.5), s.random.choice((3, 3, 5, (1, 7), (7, 1), (1, 3), (3, 1))))
        branches.append(y)
    if s.random.random() < 0.7:
        kind = s.random.choice(("AveragePool", "MaxPool"))
        y = s.net.pool(x, kind, 3, 1, 1, count_pad=s.random.random() < 0.5)
        branches.append(s.conv(y, s.width(c / 8, c / 2)) if s.random.random() < 0.8 else y)
    s.random.shuffle(branches)
    branches = [b for b in branches if s.net.shape(b)[2:] == s.net.shape(branches[0])[2:]]
    return s.net.op("Concat", *branches, axis=1)


def shuffle(s: Sampler, x: str) -> str:
    """Channels split, worked on, joined and shuffled."""
    _, c, h, w = s.net.shape(x)
    if c % 2:
        return s.conv(x, 2 * s.width(c / 4, c))
    half = c // 2
    if s.random.random() < 0.5:
        left, right = s.net.ops("Split", [x, s.net.constant([half, half], "int64")], outputs=2, axis=1)
    else:
        left, right = (
            s.net.op("Slice", x, *(s.net.constant([v], "int64") for v in (low, low + half, 1))) for low in (0, half)
        )
    right = s.conv(depthwise(s, s.conv(right, half), 1, activation=False), half)
    if s.net.shape(right) != (1, half, h, w):
        return right
    x = s.net.op("Concat", left, right, axis=1)
    groups = s.random.choice([g for g in (2, 2, 2, 4) if c % g == 0])
    x = s.net.reshape(x, 1, groups, c // groups, h, w)
    return s.net.reshape(s.net.op("Transpose", x, perm=[0, 2, 1, 3, 4]), 1, c, h, w)


def cell(s: Sampler, x: str) -> str:
    """A random graph of separable convolutions, poolings and sums, as searches find them."""
    c = s.width(s.net.channels(x) / 2, s.net.channels(x) * 1.3)
    states = [s.conv(x, c, activation=False), s.conv(x, c)]
    unused = set(states)
    for _ in range(s.random.randint(2, 5)):
        picked = [s.random.choice(states) for _ in range(2)]
        unused.difference_update(picked)
        made = []
        for y in picked:
            kind = s.random.choice(("separable", "separable", "average", "max", "none", "conv"))
            if kind == "separable":
                y = s.activate(y) if s.random.random() < 0.7 else y
                y = s.conv(depthwise(s, y, 1, activation=False), c, activation=s.random.random() < 0.2)
            elif kind == "conv":
                y = s.conv(y, c, s.random.choice((1, 3)))
            elif kind != "none":
                name = "AveragePool" if kind == "average" else "MaxPool"
                y = s.net.pool(y, name, 3, 1, 1, count_pad=s.random.random() < 0.3)
            made.append(y)
        if not s.same(*made):
            return s.conv(x, c)
        states.append(s.add(*made))
        unused.add(states[-1])
    last = [y for y in states if y in unused]
    return s.net.op("Concat", *last, axis=1) if len(last) > 1 else last[0]


def pooling(s: Sampler, x: str) -> str:
    kernel, stride, pad = s.random.choice(((2, 2, 0), (3, 2, 1), (3, 2, 0), (3, 1, 1), (5, 1, 2), (2, 1, 0)))
    kind = s.random.choice(("MaxPool", "MaxPool", "AveragePool"))
    return s.net.pool(x, kind, kernel, stride, pad, s.random.random() < 0.25, s.random.random() < 0.5)


def elementwise(s: Sampler, x: str) -> str:
    """Binary operators with constants, channels' weights or another tensor."""
    c = s.net.channels(x)
    for _ in range(s.random.randint(1, 3)):
        type_ = s.random.choice(("Add", "Mul", "Sub", "Div", "Max", "Min"))
        kind = s.random.choice(("scalar", "channels", "tensor"))
        if kind == "tensor":
            other = s.net.activation(x, "Sigmoid")
        else:
            other = s.net.constant(1.5) if kind == "scalar" else s.net.weight(1, c, 1, 1, scale=0.1, mean=1.0)
        x = s.net.op(type_, *((x, other) if s.random.random() < 0.7 or type_ == "Div" else (other, x)))
    return x


def activations(s: Sampler, x: str) -> str:
    """An activation that follows nothing it could be fused into."""
    x = s.net.op("Concat", x, x, axis=1) if s.random.random() < 0.3 else s.net.pool(x, "MaxPool", 3, 1, 1)
    return s.net.activation(x, s.random.choice((*COMMON, *RARE)))


def unary(s: Sampler, x: str) -> str:
    return s.net.op(s.random.choice(("Abs", "Neg", "Exp", "Sqrt", "Erf", "Floor", "Identity")), s.net.op("Sigmoid", x))


def normalisation(s: Sampler, x: str) -> str:
    c = s.net.channels(x)
    kind = s.random.choice(("batch", "instance", "layer", "lrn"))
    if kind == "batch":
        return s.net.batch_norm(s.net.pool(x, "MaxPool", 3, 1, 1))
    if kind == "instance":
        return s.net.op("InstanceNormalization", x, s.net.weight(c, mean=1.0, scale=0.1), s.net.weight(c, scale=0.1))
    if kind == "lrn":
        return s.net.op("LRN", x, size=5)
    x = s.net.op("Transpose", x, perm=[0, 2, 3, 1])
    x = s.net.op("LayerNormalization", x, s.net.weight(c, mean=1.0, scale=0.1), s.net.weight(c, scale=0.1), axis=-1)
    return s.net.op("Transpose", x, perm=[0, 3, 1, 2])


def resize(s: Sampler, x: str) -> str:
    _, c, h, w = s.net.shape(x)
    if 4 * c * h * w * 4 > s.size.bytes:
        return pooling(s, x)
    mode = s.random.choice(("nearest", "nearest", "linear"))
    scales = s.net.constant([1.0, 1.0, 2.0, 2.0])
    coordinates = "asymmetric" if mode == "nearest" else s.random.choice(("half_pixel", "align_corners"))
    more = {"nearest_mode": "floor"} if mode == "nearest" else {}
    return s.net.op("Resize", x, "", scales, mode=mode, coordinate_transformation_mode=coordinates, **more)


def slicing(s: Sampler, x: str) -> str:
    """Slices, splits, pads, transposes that are undone."""
    _, c, h, w = s.net.shape(x)
    kind = s.random.choice(("crop", "channels", "pad", "transpose", "strided", "split"))
    if kind == "pad":
        pads = s.net.constant([0, 0, 1, 1, 0, 0, 1, 1], "int64")
        return s.net.op("Pad", x, pads, mode=s.random.choice(("constant", "constant", "reflect", "edge")))
    if kind == "transpose":
        x = s.net.op("Transpose", x, perm=[0, 2, 3, 1])
        return s.net.op("Transpose", s.net.activation(x, "Sigmoid"), perm=[0, 3, 1, 2])
    if kind == "split" and c >= 4:
        parts = [c // 2, c - c // 2] if c % 3 else [c // 3] * 3
        pieces = s.net.ops("Split", [x, s.net.constant(parts, "int64")], outputs=len(parts), axis=1)
        return s.net.op("Concat", *reversed(pieces), axis=1)
    if kind == "channels":
        values = ([0], [max(1, c // 2)], [1], [1])
    elif kind == "strided":
        values = ([0, 0], [h, w], [2, 3], [2, 2])
    else:
        values = ([1, 1], [h, w], [2, 3], [1, 1])
    starts, ends, axes, steps = (s.net.constant(v, "int64") for v in values)
    return s.net.op("Slice", x, starts, ends, axes, steps)


def attention(s: Sampler, x: str) -> str:
    """Pixels as tokens: normalisation, products, softmax, a two-layer perceptron; then pixels again."""
    _, c, h, w = s.net.shape(x)
    heads = s.random.choice((1, 2, 4, 8))
    width = heads * s.random.choice((8, 16, 32, 64))
    if h * w > 900 or not s.room(8 * h * w * width * (c + h * w + 4 * width)):
        return s.net.pool(x, "MaxPool", 2, 2)
    t = h * w
    y = s.net.op("Transpose", s.net.reshape(x, 1, c, t), perm=[0, 2, 1])
    y = s.net.linear(y, width) if c != width else y

    def normalise(z: str) -> str:
        return s.net.op("LayerNormalization", z, s.net.weight(width, mean=1.0, scale=0.1), s.net.weight(width), axis=-1)

    z = normalise(y)
    depth = width // heads
    q, k, v = (s.net.reshape(s.net.linear(z, width), 1, t, heads, depth) for _ in range(3))
    q, v = (s.net.op("Transpose", m, perm=[0, 2, 1, 3]) for m in (q, v))
    k = s.net.op("Transpose", k, perm=[0, 2, 3, 1])
    score = s.net.op("Softmax", s.net.op("Div", s.net.op("MatMul", q, k), s.net.constant(depth**0.5)), axis=-1)
    z = s.net.op("Transpose", s.net.op("MatMul", score, v), perm=[0, 2, 1, 3])
    y = s.net.op("Add", y, s.net.linear(s.net.reshape(z, 1, t, width), width))
    hidden = s.net.activation(s.net.linear(normalise(y), 2 * width), s.random.choice(("Gelu", "Relu", "Sigmoid")))
    y = s.net.op("Add", y, s.net.linear(hidden, width))
    return s.net.reshape(s.net.op("Transpose", y, perm=[0, 2, 1]), 1, width, h, w)


def head(s: Sampler, x: str) -> str:
    """Pooling of all positions, and a classifier."""
    if s.random.random() < 0.75 or s.net.channels(x) > s.share(2000):
        if s.random.random() < 0.3:
            x = s.net.op("ReduceMean", x, s.net.constant([2, 3], "int64"), keepdims=0)
        else:
            x = s.net.op("Flatten", s.net.op("GlobalAveragePool", x), axis=1)
    else:
        while math.prod(s.net.shape(x)) > s.share(8000) and min(s.net.shape(x)[2:]) > 1:
            x = s.net.pool(x, "MaxPool", 2, 2)
        x = s.net.op("Flatten", x, axis=1)
    for _ in range(s.random.choice((0, 0, 1, 2))):
        x = s.net.activation(
            s.net.linear(x, s.width(s.share(32), s.share(1024))), s.random.choice(("Relu", "Relu", "Tanh", "Sigmoid"))
        )
    x = s.net.linear(x, s.random.choice((10, *(round(s.share(n)) for n in (100, 1000)), s.width(4, s.share(2000)))))
    return s.net.op("Softmax", x, axis=-1) if s.random.random() < 0.5 else x


MOTIFS: dict[Motif, int] = {
    plain: 10,
    residual: 8,
    inverted: 8,
    separable: 5,
    inception: 6,
    dense: 5,
    preactivated: 3,
    shuffle: 5,
    cell: 6,
    grouped: 3,
    pooling: 4,
    elementwise: 2,
    activations: 2,
    unary: 1,
    normalisation: 2,
    resize: 2,
    slicing: 2,
    attention: 2,
    squeeze_excite: 2,
}


def random_network(s: Sampler) -> onnx.ModelProto:
    """A multi-layer benchmark."""
    random_ = s.random
    if random_.random() < 0.4:  # an image, and a stem
        h = s.side(s.size.image)
        w = h if random_.random() < 0.8 else round(h * random_.uniform(0.5, 1.5))
        x = s.net.input(1, random_.choice((3, 3, 3, 1)), h, w)
        x = s.conv(x, s.width(*s.size.stem), random_.choice((3, 3, 5, 7)), 2)
        if random_.random() < 0.4:
            x = s.net.pool(x, "MaxPool", 3, 2, 1)
    else:  # the inside of a network
        h = s.side(s.size.inside)
        w = h if random_.random() < 0.85 else round(h * random_.uniform(0.5, 1.5)) + 1
        side = math.sqrt(h * w)
        low, high = max(8, 300 / side), min(1280, 8000 / side + 32)
        x = s.net.input(1, s.width(s.share(low), s.share(high)), h, w)
    motifs, weights = list(MOTIFS), list(MOTIFS.values())
    favourites = random_.choices(motifs, weights, k=random_.randint(1, 4))  # networks repeat themselves
    for _ in range(random_.randint(1, 12)):
        motif = random_.choice(favourites) if random_.random() < 0.8 else random_.choices(motifs, weights)[0]
        h, w = s.net.shape(x)[2:]
        if s.spent > 0.9 * s.size.ops or min(h, w) < 4:
            break
        if 24 * math.prod(s.net.shape(x)) > s.size.bytes:
            x = s.conv(s.net.pool(x, "MaxPool", 2, 2), min(64, s.net.channels(x)))
        x = motif(s, x)
    if random_.random() < 0.4:
        x = head(s, x)
    return s.net.model(x)


SWEPT = 6  # steps of a sweep
Micro = Callable[[Sampler, str, dict[str, int]], str]


def micro_network(s: Sampler, step: int, kinds: Sequence[Micro]) -> onnx.ModelProto:
    """One layer; the `SWEPT` steps of the same sampler differ in one dimension."""
    random_ = s.random
    kind = random_.choice(kinds)
    h = s.side(s.size.swept)
    c = s.width(s.share(8), s.share(min(1024, 8000 / h + 32)))
    dims = {"h": h, "w": h, "c": c, "f": s.width(s.share(8), s.share(768))}
    axis = random_.choice("hwcf")
    dims[axis] = max(1, round(dims[axis] * 2 ** random_.uniform(-1, 0)) + round(step * (1 + dims[axis] / 8)))
    x = s.net.input(1, dims["c"], dims["h"], dims["w"])
    return s.net.model(kind(s, x, dims))


def _convolution(s: Sampler, x: str, dims: dict[str, int]) -> str:
    kernel, stride = s.random.choice(KERNELS), s.random.choice((1, 1, 2))
    return s.conv(x, dims["f"], kernel, stride, activation=s.random.random() < 0.5, norm=False)


def _grouped(s: Sampler, x: str, dims: dict[str, int]) -> str:
    group = s.random.choice([g for g in (2, 4, 8) if dims["c"] % g == 0] or [1])
    return s.conv(x, group * math.ceil(dims["f"] / group), 3, group=group, activation=False, norm=False)


def _depthwise(s: Sampler, x: str, dims: dict[str, int]) -> str:
    return depthwise(s, x, s.random.choice((1, 2)), s.random.random() < 0.5)


def _gemm(s: Sampler, x: str, dims: dict[str, int]) -> str:
    x = s.net.op("Flatten", s.net.op("GlobalAveragePool", x))
    return s.net.linear(x, 4 * dims["f"])


def _matmul(s: Sampler, x: str, dims: dict[str, int]) -> str:
    x = s.net.reshape(x, 1, dims["c"], -1)
    return s.net.linear(x, dims["f"], bias=False)


def _softmax(s: Sampler, x: str, dims: dict[str, int]) -> str:
    return s.net.op("Softmax", x, axis=s.random.choice((-1, 1)))


def _reduce(s: Sampler, x: str, dims: dict[str, int]) -> str:
    axes: Sequence[int] = s.random.choice(([2, 3], [1], [3], [1, 2, 3]))
    return s.net.op(s.random.choice(("ReduceMean", "ReduceSum", "ReduceMax")), x, s.net.constant(axes, "int64"))


def _transpose(s: Sampler, x: str, dims: dict[str, int]) -> str:
    return s.net.op("Transpose", x, perm=s.random.choice(([0, 2, 3, 1], [0, 1, 3, 2], [0, 2, 1, 3], [0, 3, 1, 2])))


def _reshape(s: Sampler, x: str, dims: dict[str, int]) -> str:
    return s.net.op("Sqrt", s.net.reshape(s.net.op("Sigmoid", x), 1, -1))


def _one(motif: Motif) -> Micro:
    return lambda s, x, _: motif(s, x)


OTHERS: tuple[Micro, ...] = (
    *(_grouped,) * 2,
    *(_gemm, _gemm, _matmul, _matmul, _softmax, _reduce, _reduce, _transpose, _transpose, _reshape),
    *map(_one, (pooling, pooling, elementwise, activations, normalisation, resize, slicing, slicing, unary)),
)
MICRO: tuple[Micro, ...] = (*(_convolution,) * 8, *(_depthwise,) * 4, *(_grouped,) * 3, *OTHERS)


def build(benchmark: str) -> onnx.ModelProto:
    """A benchmark by its name: `random:SEED` or `micro:SEED`."""
    kind, _, seed = benchmark.partition(":")
    if kind == "random":
        return random_network(Sampler(int(seed)))
    base, step = divmod(int(seed), SWEPT)
    return micro_network(Sampler(10**9 + base), step, MICRO)
