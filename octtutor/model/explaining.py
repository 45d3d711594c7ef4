"""How a network's answer is explained: the methods by name, one hook each, one kind of map.

Nothing heavy is imported until a method runs, so a page may list the methods.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.errors import BadInputError
from octtutor.model.loading import Progress
from octtutor.model.maps import to_scan_size

if TYPE_CHECKING:
    from octtutor.model.engine import KerasEngine

Floats = npt.NDArray[np.float32]
Hook = Callable[["KerasEngine", Pixels, Sequence[int], Progress | None], Floats]
"""Engine, prepared scan uint8 (s, s), classes, progress: float32 (len(classes), h, w), >= 0."""
Each = Callable[["KerasEngine", Pixels, Sequence[int]], Floats]
"""Engine, prepared scans uint8 (n, s, s), a class for each: float32 (n, h, w), >= 0."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to explain: its title, one line on what its map shows, and its hook.

    `slow`: it needs tens of passes or more; show a progress bar. `each`: explains several scans
    in one pass, where it can.
    """

    title: str
    shows: str
    raw: Hook
    slow: bool = False
    each: Each | None = None


def _finecam(
    engine: "KerasEngine", prepared: Pixels, classes: Sequence[int], _: Progress | None
) -> Floats:
    from octtutor.model.stages import finecam

    return finecam(engine, prepared, classes)


def _finecam_each(engine: "KerasEngine", prepared: Pixels, classes: Sequence[int]) -> Floats:
    from octtutor.model.stages import finecam_each

    return finecam_each(engine, prepared, classes)


def _gradcam(
    engine: "KerasEngine", prepared: Pixels, classes: Sequence[int], _: Progress | None
) -> Floats:
    return engine.gradcam(engine.run(prepared[None]).features[0], classes)


def _gradcam_plus_plus(
    engine: "KerasEngine", prepared: Pixels, classes: Sequence[int], _: Progress | None
) -> Floats:
    from octtutor.model.gradcam import gradcam_plus_plus

    return gradcam_plus_plus(engine.network.head, engine.run(prepared[None]).features[0], classes)


def _layercam(
    engine: "KerasEngine", prepared: Pixels, classes: Sequence[int], _: Progress | None
) -> Floats:
    from octtutor.model.stages import layercam

    return layercam(engine, prepared, classes)


def _occlusion(
    engine: "KerasEngine", prepared: Pixels, classes: Sequence[int], progress: Progress | None
) -> Floats:
    from octtutor.model.occlusion import occlusion

    return occlusion(engine, prepared, classes, progress)


def _integrated(
    engine: "KerasEngine", prepared: Pixels, classes: Sequence[int], progress: Progress | None
) -> Floats:
    from octtutor.model.integrated import integrated_gradients

    return integrated_gradients(engine, prepared, classes, progress)


METHODS: Mapping[str, Method] = {
    "fine-cam": Method(
        "Fine CAM",
        "where three stages of the network agree that it is this and not a healthy eye",
        _finecam,
        each=_finecam_each,
    ),
    "gradcam": Method(
        "Grad-CAM", "which cells of the last feature map raised the class's logit", _gradcam
    ),
    "gradcam++": Method(
        "Grad-CAM++",
        "as Grad-CAM, with channels weighed by where they raise the logit",
        _gradcam_plus_plus,
    ),
    "layercam": Method(
        "LayerCAM", "which cells of a stage twice as fine raised the class's logit", _layercam
    ),
    "occlusion": Method(
        "Occlusion",
        "how far the class's logit drops when a box covers the place",
        _occlusion,
        slow=True,
    ),
    "integrated-gradients": Method(
        "Integrated gradients",
        "each pixel's share in the class's logit on the way from a blank scan",
        _integrated,
        slow=True,
    ),
}
DEFAULT_METHOD = "fine-cam"
"""Chosen by the rule in docs/explanations.md."""
VERSION = "1"
"""Goes into the name of kept maps; raise it when the default method's maps change."""


def find_method(name: str) -> Method:
    """Return a method by name.

    Raises:
        BadInputError: there is no such method.
    """
    if name not in METHODS:
        raise BadInputError(
            f"Expected a method of {', '.join(METHODS)}. Received {name[:40]!r}. Choose one."
        )
    return METHODS[name]


def explain_raw(
    engine: "KerasEngine",
    prepared: Pixels,
    classes: Sequence[int],
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Floats:
    """Explain a prepared scan, uint8 (s, s), at the method's own size.

    Returns:
        float32 (len(classes), h, w), not negative; see `to_scan_size`.

    Raises:
        BadInputError: there is no such method.
    """
    return find_method(method).raw(engine, prepared, classes, progress)


def explain(
    engine: "KerasEngine",
    scan: Pixels,
    classes: Sequence[int],
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Floats:
    """Show where a network saw each of several classes in a scan.

    Args:
        engine: the network.
        scan: uint8 (height, width).
        classes: indices into LABELS.
        method: a key of METHODS.
        progress: called with (done, total) by methods that take their time.

    Returns:
        float32 (len(classes), height, width), in [0, 1]; each map's largest value is 1, or all
        are 0: no evidence.

    Raises:
        BadInputError: there is no such method.
    """
    raw = explain_raw(engine, engine.prepare(scan), classes, method, progress)
    return np.stack([to_scan_size(one, *scan.shape) for one in raw])
