"""The graph: scans in; logits of scan and mirror image, pooled features and maps out.

The backbone is cut as `octtutor.model.explain.layercam` cuts it. The gradients of all scores go
back together, as a batch; where one score is a weighted sum of the others (what speaks for NORMAL
speaks against the diseases), so is its gradient, and it does not go.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from octtutor.model.explain.layercam import against_healthy, stage_outputs
from octtutor.model.graph.graph_steps import Node
from octtutor.model.graph.openvino_import import import_openvino
from octtutor.model.graph.outputs import FINECAM, GRADCAM, LOGITS, POOLED, SCAN
from octtutor.model.graph.translation import Placed, translate
from octtutor.model.network.card import Card
from octtutor.model.network.network import Network
from octtutor.model.network.preprocess import SCALINGS, Preprocessing

openvino = import_openvino()
import openvino.opset15 as op  # noqa: E402

Arrays = npt.NDArray[np.float32]


def draw(network: Network, card: Card) -> Any:
    """Draw the graph of a network.

    Returns:
        A model of OpenVINO from one prepared scan, uint8 (1, s, s), to `logits`, float32 (m, k),
        `pooled`, float32 (m, c), both of the scan and, where the card averages, of its mirror
        image (m = 2); and to raw maps of the scan for each class, `gradcam`, float32 (k, h, w),
        and `fine-cam`, float32 (k, h', w').

    Raises:
        CannotConvertError: it has a layer that has no step.
    """
    how = Preprocessing.read(card.preprocessing, card.input_size)
    scan = op.parameter([1, how.size, how.size], np.uint8, name=SCAN)
    scan.output(0).set_names({SCAN})
    x = _to_input(_with_mirrored(scan.output(0)) if card.flip_average else scan.output(0), how)
    trunk, crown = translate(network.backbone), translate(network.head)
    known = _forward(trunk, {id(network.backbone.input): x})
    features = known[id(network.backbone.output)]
    known |= _forward(crown, {id(network.head.input): features})
    logits = known[id(network.head.output)]
    pooled = op.reduce_mean(features, _ints(2, 3), False)
    first = {key: _first(node) for key, node in known.items()}
    maps = _maps(network, card, trunk, crown, first)
    outputs = {LOGITS: logits, POOLED: pooled, **maps}
    return openvino.Model(
        [_named(node, name) for name, node in outputs.items()], [scan], "octtutor"
    )


def _maps(
    network: Network,
    card: Card,
    trunk: list[Placed],
    crown: list[Placed],
    known: dict[int, Node],
) -> dict[str, Node]:
    """Return the maps; `known` has what each step gives for the scan itself."""
    count = network.head.output.shape[-1]
    each = op.constant(np.eye(count, dtype=np.float32)).output(0)
    entry = id(network.head.input)
    slopes = _back(crown, {id(network.head.output): each}, known, [entry])[entry]
    features = known[id(network.backbone.output)]
    directions = against_healthy(card, range(count))
    sent, mixed = _basis(directions)
    falling = _mix(slopes, directions[sent])
    cuts = [id(cut) for cut in stage_outputs(network.backbone)]
    gradients = _back(trunk, {cuts[-1]: falling}, known, cuts)
    *finer, last = [(known[cut], _mix(gradients[cut], mixed)) for cut in cuts]
    coarse = _weighed(*last)
    return {
        GRADCAM: _weighed(features, slopes),
        FINECAM: _agreed([*(_layercam(*stage) for stage in finer), coarse]),
    }


def _forward(steps: list[Placed], known: dict[int, Node]) -> dict[int, Node]:
    """Return what each step gives, by tensor."""
    known = dict(known)
    for placed in steps:
        known[placed.leaves] = placed.step.forward(*(known[entry] for entry in placed.entries))
    return known


def _back(
    steps: list[Placed], slopes: dict[int, Node], known: dict[int, Node], wanted: list[int]
) -> dict[int, Node]:
    """Pull gradients back from what steps give, through all that lies between, to what is wanted.

    Args:
        steps: in the order in which they compute.
        slopes: gradients, (k, c, h, w), by tensor.
        known: what each tensor holds.
        wanted: tensors that everything passes, in the order in which it does.

    Returns:
        The gradients by each tensor.
    """
    slopes = dict(slopes)
    for placed in reversed(steps):
        if placed.leaves == wanted[0]:
            break
        slope = placed.step.back(slopes[placed.leaves], known[placed.leaves])
        for entry in placed.entries:
            slopes[entry] = op.add(slopes[entry], slope).output(0) if entry in slopes else slope
    return slopes


def _basis(directions: Arrays) -> tuple[list[int], Arrays]:
    """Choose directions, (k, c), of which all are weighted sums: their rows, and weights (k, r)."""
    rows: list[int] = []
    for row in range(len(directions)):
        if np.linalg.matrix_rank(directions[[*rows, row]]) > len(rows):
            rows.append(row)
    weights = np.linalg.lstsq(directions[rows].T, directions.T, rcond=None)[0].T
    return rows, np.asarray(weights.round(6), np.float32)


def _mix(each: Node, weights: Arrays) -> Node:
    """Return weighted sums, weights (k, r), of r tensors in a batch."""
    if np.array_equal(weights, np.eye(len(weights))):
        return each
    rows = [op.gather(each, _ints(row), op.constant(0)) for row in range(weights.shape[1])]
    mixed = [_sum_of(rows, one) for one in weights]
    return op.concat(mixed, 0).output(0)


def _sum_of(rows: list[Any], weights: Arrays) -> Node:
    parts = [
        row if weight == 1 else op.multiply(row, op.constant(np.float32(weight)))
        for row, weight in zip(rows, weights, strict=True)
        if weight
    ]
    total = parts[0]
    for part in parts[1:]:
        total = op.add(total, part)
    return total.output(0)


def _weighed(features: Node, slopes: Node) -> Node:
    """Sum channels by their mean gradients, cut at 0: (k, h, w)."""
    weights = op.reduce_mean(slopes, _ints(2, 3), True)
    return op.relu(op.reduce_sum(op.multiply(features, weights), _ints(1), False)).output(0)


def _layercam(activations: Node, slopes: Node) -> Node:
    """Sum channels by their gradients where these are positive, cut at 0: (k, h, w)."""
    rising = op.multiply(activations, op.relu(slopes))
    return op.relu(op.reduce_sum(rising, _ints(1), False)).output(0)


def _agreed(maps: list[Node]) -> Node:
    """Join maps, (k, h, w), from fine to coarse: their geometric mean at the size of the first."""
    sides = [int(side) for side in maps[0].get_shape()[1:]]
    total = None
    for one in maps:
        level = _brought(one, sides)
        total = level if total is None else op.multiply(total, level)
    root = op.constant(np.float32(1 / len(maps)))
    return op.power(total, root).output(0)


def _brought(one: Node, sides: list[int]) -> Node:
    """Bring maps to these sides, as OpenCV's INTER_CUBIC does, and to [0, 1]."""
    if [int(side) for side in one.get_shape()[1:]] != sides:
        one = op.interpolate(
            op.unsqueeze(one, _ints(1)),
            op.constant(np.array(sides, np.int64)),
            "cubic",
            "sizes",
            coordinate_transformation_mode="half_pixel",
            cube_coeff=-0.75,
            axes=_ints(2, 3),
        )
        one = op.relu(op.squeeze(one, _ints(1))).output(0)
    top = op.reduce_max(one, _ints(1, 2), True)
    none = op.equal(top, op.constant(np.float32(0)))
    return op.divide(one, op.select(none, op.constant(np.float32(1)), top)).output(0)


def _with_mirrored(scan: Node) -> Node:
    far = _ints(-1)
    mirrored = op.slice(scan, far, _ints(-(2**31)), far, _ints(2))
    return op.concat([scan, mirrored.output(0)], 0).output(0)


def _to_input(scan: Node, how: Preprocessing) -> Node:
    """Turn grey values (n, s, s) into what the network was trained on, (n, 3, s, s)."""
    less, by, each, _ = SCALINGS[how.scaling]
    grey = op.unsqueeze(op.convert(scan, "f32"), _ints(1))
    centre = np.array(less, np.float32).reshape(1, 3, 1, 1)
    width = np.array([by * one for one in each], np.float32).reshape(1, 3, 1, 1)
    return op.divide(op.subtract(grey, op.constant(centre)), op.constant(width)).output(0)


def _first(node: Node) -> Node:
    """Return what is of the scan itself, not of its mirror image."""
    return op.slice(node, _ints(0), _ints(1), _ints(1), _ints(0)).output(0)


def _named(node: Node, name: str) -> Any:
    result = op.result(node)
    result.output(0).set_names({name})
    return result


def _ints(*values: int) -> Any:
    return op.constant(np.array(values, np.int64))
