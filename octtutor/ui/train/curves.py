"""Curves of a training run as SVG, with the same in words.

Drawn here and not by matplotlib: the tab draws them anew every two seconds while a run goes, in
the colours of the page's style sheet, dark or light; see `octtutor.reports.svg`.
"""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from octtutor.reports.markup import library
from octtutor.ui.train.texts import TRAIN

Rows = Sequence[dict[str, float]]
_HTML = library(__file__, "curves.html.j2")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _PAD = 420, 170, 44, 22, 10


def curves(history: Rows, epochs: int, running: dict[str, float] | None = None) -> Markup:
    """Draw loss and accuracy side by side.

    Args:
        history: a row an epoch: `epoch`, `loss`, `accuracy`, and `val_…` where measured.
        epochs: how many there will be.
        running: `epoch` (a fraction counts the batches), `loss`, `accuracy` of the epoch under way.
    """
    rows = [*history, running] if running else list(history)
    if not rows:
        return Markup()
    charts = [
        _chart(TRAIN[f"curve_{measure}"], measure, history, rows, max(epochs, 1))
        for measure in ("loss", "accuracy")
    ]
    return Markup(_HTML.curves(charts, TRAIN["curve_hint"]))


def _chart(title: str, measure: str, history: Rows, rows: Rows, epochs: int) -> dict[str, Any]:
    training = [(row["epoch"], row[measure]) for row in rows if measure in row]
    key = f"val_{measure}"
    measured = [(row["epoch"], row[key]) for row in history if key in row]
    top = 1.0 if measure == "accuracy" else _round_up([y for _, y in training + measured])
    return {
        "words": _words(title, measure, training, measured),
        "width": _WIDTH,
        "height": _HEIGHT,
        "marks": [_mark(share, top, measure) for share in (0.0, 0.5, 1.0)],
        "epochs": [
            (_x(epoch, epochs), "end" if epoch else "start", epoch) for epoch in sorted({0, epochs})
        ],
        "lines": [
            (kind, [(_x(x, epochs), _y(y, top)) for x, y in points if y == y])
            for kind, points in (("training", training), ("measured", measured))
        ],
    }


def _mark(share: float, top: float, measure: str) -> dict[str, Any]:
    """Return a line across, and what stands beside it."""
    text = f"{100 * share:.0f} %" if measure == "accuracy" else f"{share * top:g}"
    return {"left": _LEFT, "right": _WIDTH - _PAD, "y": _y(share * top, top), "text": text}


def _round_up(values: Sequence[float]) -> float:
    highest = max([value for value in values if value == value and value < 1e6], default=1.0)
    return next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1e6) if highest <= step)


def _x(epoch: float, epochs: int) -> float:
    return _LEFT + min(epoch / epochs, 1.0) * (_WIDTH - _LEFT - _PAD)


def _y(value: float, top: float) -> float:
    return _PAD + (1 - min(max(value / top, 0.0), 1.0)) * (_HEIGHT - _BOTTOM - _PAD)


def _words(
    title: str,
    measure: str,
    training: Sequence[tuple[float, float]],
    measured: Sequence[tuple[float, float]],
) -> str:
    def in_words(value: float) -> str:
        return f"{100 * value:.1f} %" if measure == "accuracy" else f"{value:.3f}"

    parts = [f"training {in_words(training[-1][1])}"] if training else []
    parts += [f"held out {in_words(measured[-1][1])}"] if measured else []
    return f"{title}: {', '.join(parts)}"
