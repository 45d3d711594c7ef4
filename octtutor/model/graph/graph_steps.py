"""A network's layers as steps that OpenVINO knows, each forwards and backwards.

A step's way back (its pullback) takes the gradient of a score by what the step gives, and returns
the gradient by what it was given. It is written with operations of the forward kind: transposed
convolutions, masks and sums. So the maps need no automatic differentiation where they are made.

Everything is (n, c, h, w); gradients are (k, c, h, w), of k scores for one scan.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.errors import ModelError
from octtutor.model.graph.openvino_import import import_openvino

import_openvino()
import openvino.opset15 as op  # noqa: E402

Node = Any
"""An output of an operation of OpenVINO."""
Arrays = npt.NDArray[np.float32]
_SIX = 6.0


class CannotConvertError(ModelError):
    """A network has something that has no step here."""


@dataclass(frozen=True, slots=True)
class GraphStep:
    """A layer, forwards and backwards."""

    forward: Callable[..., Node]
    """From what goes in to what comes out."""
    back: Callable[[Node, Node], Node]
    """From a gradient by what came out, and what came out, to the gradient by what went in; of
    several that went in it is the same for each."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A convolution with a bias for each channel; what follows it may be folded into it."""

    kernel: Arrays
    """(out, in, h, w); of a depthwise one (c, 1, 1, h, w)."""
    bias: Arrays
    """(out,)."""
    stride: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    """Pixels added above, below; to the left, to the right."""
    sides: tuple[int, int]
    """Height and width of what goes in."""

    def scaled(self, scale: Arrays, shift: Arrays) -> "Linear":
        """Return it with each channel of its output scaled and shifted."""
        kernel = self.kernel * scale.reshape(-1, *[1] * (self.kernel.ndim - 1))
        return Linear(kernel, self.bias * scale + shift, self.stride, self.pads, self.sides)

    def step(self) -> GraphStep:
        """Return it as a step; its weights are in the graph once."""
        kernel = op.constant(self.kernel)
        begin, end = ([pad[side] for pad in self.pads] for side in (0, 1))
        way = (list(self.stride), begin, end, [1, 1])
        depthwise = self.kernel.ndim == 5
        convolve = op.group_convolution if depthwise else op.convolution
        bias = op.constant(self.bias.reshape(1, -1, 1, 1))

        def forward(x: Node) -> Node:
            return op.add(convolve(x, kernel, *way), bias).output(0)

        def back(slope: Node, y: Node) -> Node:
            if self.stride == (1, 1):
                return self._turned(slope, kernel).output(0)
            transposed = (
                op.group_convolution_backprop_data if depthwise else op.convolution_backprop_data
            )
            return transposed(
                slope, kernel, way[0], pads_begin=begin, pads_end=end, output_padding=self._missed()
            ).output(0)

        return GraphStep(forward, back)

    def _missed(self) -> list[int]:
        """Return how many of the last rows and columns no step of the stride reaches."""
        axes = zip(self.sides, self.kernel.shape[-2:], self.pads, self.stride, strict=True)
        return [(side + sum(pad) - size) % stride for side, size, pad, stride in axes]

    def _turned(self, slope: Node, kernel: Node) -> Node:
        """Pull back a convolution of stride 1: another one, its kernel turned by half a turn."""
        size = self.kernel.shape[-2:]
        if size != (1, 1):
            far = op.constant(np.full(2, -1, np.int64))
            axes = op.constant(np.arange(self.kernel.ndim - 2, self.kernel.ndim))
            ends = op.constant(np.full(2, -(2**31), np.int64))
            kernel = op.slice(kernel, far, ends, far, axes)
        sides = list(zip(size, self.pads, strict=True))
        begin = [side - 1 - pad[0] for side, pad in sides]
        end = [side - 1 - pad[1] for side, pad in sides]
        if self.kernel.ndim == 5:
            return op.group_convolution(slope, kernel, [1, 1], begin, end, [1, 1])
        swapped = op.transpose(kernel, op.constant(np.array([1, 0, 2, 3], np.int64)))
        return op.convolution(slope, swapped, [1, 1], begin, end, [1, 1])


def clamp(most: float | None) -> GraphStep:
    """Return a ReLU that is cut off at `most`, where it is given."""

    def forward(x: Node) -> Node:
        return (op.relu(x) if most is None else op.clamp(x, 0.0, most)).output(0)

    def back(slope: Node, y: Node) -> Node:
        return op.multiply(slope, _inside(y, most)).output(0)

    return GraphStep(forward, back)


def _inside(y: Node, most: float | None) -> Node:
    """Return 1 where a ReLU let through what it was given, else 0."""
    if most is None:
        return op.sign(y)
    share = op.divide(y, op.constant(np.float32(most)))
    return op.subtract(op.ceiling(share), op.floor(share))


def shift(scale: Arrays, added: Arrays) -> GraphStep:
    """Return what scales and shifts each channel."""
    factor = op.constant(scale.reshape(1, -1, 1, 1))
    term = op.constant(added.reshape(1, -1, 1, 1))
    return GraphStep(
        lambda x: op.add(op.multiply(x, factor), term).output(0),
        lambda slope, y: op.multiply(slope, factor).output(0),
    )


def add() -> GraphStep:
    """Return a sum; its gradient is that of each of its terms."""

    def forward(*terms: Node) -> Node:
        total = terms[0]
        for term in terms[1:]:
            total = op.add(total, term).output(0)
        return total

    return GraphStep(forward, lambda slope, y: slope)


def same() -> GraphStep:
    """Return what changes nothing."""
    return GraphStep(lambda x: x, lambda slope, y: slope)


def zero_pad(pads: tuple[tuple[int, int], tuple[int, int]], sides: tuple[int, int]) -> GraphStep:
    """Return a border of zeros; `pads` as in `Linear`."""
    begin, end = (op.constant(np.array([0, 0, *(p[i] for p in pads)], np.int64)) for i in (0, 1))
    starts = op.constant(np.array([pad[0] for pad in pads], np.int64))
    ends = op.constant(np.array([p[0] + side for p, side in zip(pads, sides)], np.int64))
    ones, axes = (op.constant(np.array(each, np.int64)) for each in ([1, 1], [2, 3]))
    return GraphStep(
        lambda x: op.pad(x, begin, end, "constant", op.constant(np.float32(0))).output(0),
        lambda slope, y: op.slice(slope, starts, ends, ones, axes).output(0),
    )


def pool_all(sides: tuple[int, int]) -> GraphStep:
    """Return the mean over all places, (n, c); its gradient, (k, c, 1, 1), is the same at each."""
    share = op.constant(np.float32(1 / (sides[0] * sides[1])))
    axes = op.constant(np.array([2, 3], np.int64))
    return GraphStep(
        lambda x: op.reduce_mean(x, axes, False).output(0),
        lambda slope, y: op.unsqueeze(op.multiply(slope, share), axes).output(0),
    )


def flatten(shape: tuple[int, ...]) -> GraphStep:
    """Return the places in a row as Keras has them, (n, h * w * c); `shape` is (h, w, c)."""
    last, first = (op.constant(np.array(axes, np.int64)) for axes in ([0, 2, 3, 1], [0, 3, 1, 2]))
    row = op.constant(np.array([-1, int(np.prod(shape))], np.int64))
    whole = op.constant(np.array([-1, *shape], np.int64))
    return GraphStep(
        lambda x: op.reshape(op.transpose(x, last), row, False).output(0),
        lambda slope, y: op.transpose(op.reshape(slope, whole, False), first).output(0),
    )


def dense(kernel: Arrays, bias: Arrays, relu: bool) -> GraphStep:
    """Return a dense layer; `kernel` is (in, out)."""
    weights, added = op.constant(kernel), op.constant(bias[None])

    def forward(x: Node) -> Node:
        y = op.add(op.matmul(x, weights, False, False), added)
        return (op.relu(y) if relu else y).output(0)

    def back(slope: Node, y: Node) -> Node:
        inner = op.multiply(slope, _inside(y, None)) if relu else slope
        return op.matmul(inner, weights, False, True).output(0)

    return GraphStep(forward, back)
