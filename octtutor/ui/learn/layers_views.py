"""The chart of the retina's layers as HTML."""

from typing import Any

import cv2
import numpy as np
from markupsafe import Markup

from octtutor.core.region import Point, Region
from octtutor.datasets.decode import Pixels
from octtutor.reports.markup import library
from octtutor.tutor.atlas.atlas import LayerChart
from octtutor.ui.learn.texts import LAYERS, LEARN
from octtutor.ui.shared.diagnosis_texts import SOURCES
from octtutor.ui.shared.pictures import scan_uri

_HTML = library(__file__, "views.html.j2")
_WHOLE_SIDE = 384
"""Width of the whole scan as sent, pixels."""
_CHART_WIDTH, _GUTTER = 520, 144
"""Of the drawn chart: the picture, and room for names beside it, in its own units."""


def layers_html(chart: LayerChart) -> Markup:
    """Return the chart of the layers with what to know of each."""
    names = [LAYERS[layer.name] for layer in chart.layers]
    sources = [SOURCES[name] for name in ("staurenghi", "grover", "duker")]
    return Markup(_HTML.layers(LEARN, _closer(chart), _whole(chart), names, sources))


def _closer(chart: LayerChart) -> dict[str, Any]:
    """Return the closer view with a name beside each layer."""
    left, _, across, down = chart.frame
    x, y = _CHART_WIDTH / across, _CHART_WIDTH / across * chart.pixel_ratio
    height = round(down * y)
    step = height / len(chart.layers)
    names = ", ".join(LAYERS[layer.name][1] for layer in chart.layers)
    return {
        "room": _CHART_WIDTH + _GUTTER,
        "width": _CHART_WIDTH,
        "height": height,
        "alt": LEARN["layers_alt"].format(names=names),
        "picture": scan_uri(_stretched(chart.view, _CHART_WIDTH, height)),
        "layers": [_layer(layer, (x, y), (n + 0.5) * step) for n, layer in enumerate(chart.layers)],
        "pit": _pit(chart, left, (x, y)),
    }


def _layer(layer: Region, scale: Point, name_y: float) -> dict[str, Any]:
    """Return a layer's band, and its name joined to it by a line."""
    points = [(x * scale[0], y * scale[1]) for x, y in layer.largest]
    edge = max(x for x, _ in points)
    rows = [y for x, y in points if x == edge]
    middle = sum(rows) / len(rows)
    return {
        "path": "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points) + " Z",
        "lead": f"M{edge - 8:.1f} {middle:.1f} H{_CHART_WIDTH + 2} "
        f"L{_CHART_WIDTH + 22} {name_y:.1f}",
        "x": _CHART_WIDTH + 27,
        "y": f"{name_y:.1f}",
        "name": LAYERS[layer.name][0],
    }


def _pit(chart: LayerChart, left: int, scale: Point) -> dict[str, str]:
    """Return where the words `foveal pit` stand over it."""
    x = chart.fovea - left
    vitreous = chart.layers[0].largest
    surface = vitreous[len(vitreous) // 2 :]
    bottom = max(y for px, y in surface if abs(px - x) < 12)
    return {
        "x": f"{x * scale[0]:.1f}",
        "text_y": f"{bottom * scale[1] - 30:.1f}",
        "lead": f"M{x * scale[0]:.1f} {bottom * scale[1] - 24:.1f} v16",
    }


def _whole(chart: LayerChart) -> dict[str, Any]:
    """Return the whole scan with a frame around the closer view."""
    height, width = chart.whole.shape
    down = round(_WHOLE_SIDE * height / width * chart.pixel_ratio)
    x, y = _WHOLE_SIDE / width, down / height
    left, top, across, high = chart.frame
    return {
        "width": _WHOLE_SIDE,
        "height": down,
        "picture": scan_uri(_stretched(chart.whole, _WHOLE_SIDE, down)),
        "x": f"{left * x:.1f}",
        "y": f"{top * y:.1f}",
        "across": f"{across * x:.1f}",
        "down": f"{high * y:.1f}",
    }


def _stretched(scan: Pixels, width: int, height: int) -> Pixels:
    """Return the scan at another size."""
    shrinks = width * height < scan.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(scan, (width, height), interpolation=how), np.uint8)
