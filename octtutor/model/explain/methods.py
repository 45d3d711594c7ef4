"""How a network's answer is explained: the methods by name, one hook each, one kind of map.

Nothing heavy is imported until a method runs, so a page may list the methods. A new one is a
file with its hook and a line in `METHODS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.errors import BadInputError
from octtutor.model.explain.maps import lay_on_scan
from octtutor.model.network.scan_set import Progress

if TYPE_CHECKING:
    from octtutor.model.network.engine_contract import Engine, ServingEngine

Floats = npt.NDArray[np.float32]
Hook = Callable[["Engine", Pixels, Sequence[int], Progress | None], Floats]
"""Engine, prepared scan uint8 (s, s), classes, progress: float32 (len(classes), h, w), >= 0."""
Each = Callable[["Engine", Pixels, Sequence[int]], Floats]
"""Engine, prepared scans uint8 (n, s, s), a class for each: float32 (n, h, w), >= 0."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to explain: its title, one line on what its map shows, and its hook.

    `at` says where the hook is, `module:function`, and is imported when the method runs. `slow`:
    it needs tens of passes or more; show a progress bar. `each_at`: where the function is that
    explains several scans in one pass, if there is one.
    """

    title: str
    shows: str
    at: str
    slow: bool = False
    each_at: str = ""

    @property
    def raw(self) -> Hook:
        """The hook."""
        return cast(Hook, _find(self.at))

    @property
    def each(self) -> Each | None:
        """The hook for several scans."""
        return cast(Each, _find(self.each_at)) if self.each_at else None


def _find(at: str) -> Any:
    module, _, name = at.partition(":")
    return getattr(import_module(module), name)


METHODS: dict[str, Method] = {
    "fine-cam": Method(
        "Fine CAM",
        "where three stages of the network agree that it is this and not a healthy eye",
        "octtutor.model.explain.layercam:finecam",
        each_at="octtutor.model.explain.layercam:finecam_each",
    ),
    "gradcam": Method(
        "Grad-CAM",
        "which cells of the last feature map raised the class's logit",
        "octtutor.model.explain.gradcam:explain_gradcam",
    ),
    "gradcam++": Method(
        "Grad-CAM++",
        "as Grad-CAM, with channels weighed by where they raise the logit",
        "octtutor.model.explain.gradcam:explain_gradcam_plus_plus",
    ),
    "layercam": Method(
        "LayerCAM",
        "which cells of a stage twice as fine raised the class's logit",
        "octtutor.model.explain.layercam:layercam",
    ),
    "occlusion": Method(
        "Occlusion",
        "how far the class's logit drops when the place is smoothed away along the retina",
        "octtutor.model.explain.occlusion:occlusion",
        slow=True,
    ),
    "integrated-gradients": Method(
        "Integrated gradients",
        "each pixel's share in the class's logit on the way from a blank scan",
        "octtutor.model.explain.integrated_gradients:integrated_gradients",
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
    engine: "ServingEngine",
    prepared: Pixels,
    classes: Sequence[int],
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Floats:
    """Explain a prepared scan, uint8 (s, s), at the method's own size.

    Returns:
        float32 (len(classes), h, w), not negative; see `lay_on_scan`.

    Raises:
        BadInputError: there is no such method.
    """
    found = find_method(method)
    ready = engine.ready_maps(prepared, method)
    if ready is not None:
        return ready[list(classes)]
    return found.raw(engine.opened(), prepared, classes, progress)


def explain(
    engine: "ServingEngine",
    scan: Pixels | ScanPicture,
    classes: Sequence[int],
    method: str = DEFAULT_METHOD,
    progress: Progress | None = None,
) -> Floats:
    """Show where a network saw each of several classes in a scan.

    Args:
        engine: the network.
        scan: uint8 (height, width), or a picture with what its file says of it.
        classes: indices into the card's labels.
        method: a key of METHODS.
        progress: called with (done, total) by methods that take their time.

    Returns:
        float32 (len(classes), height, width), in [0, 1]; each map's largest value is 1, or all
        are 0: no evidence.

    Raises:
        BadInputError: there is no such method.
    """
    fed = engine.how.feed(scan)
    raw = explain_raw(engine, fed.scan, classes, method, progress)
    return np.stack([lay_on_scan(one, fed) for one in raw])
