"""Curves of a training run as SVG, with the same in words."""

from collections.abc import Sequence
from html import escape

from octtutor.ui.texts import TRAIN

Rows = Sequence[dict[str, float]]
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _PAD = 420, 170, 44, 22, 10


def curves(history: Rows, epochs: int, running: dict[str, float] | None = None) -> str:
    """Draw loss and accuracy side by side.

    Args:
        history: a row an epoch: `epoch`, `loss`, `accuracy`, and `val_…` where measured.
        epochs: how many there will be.
        running: `epoch` (a fraction counts the batches), `loss`, `accuracy` of the epoch under way.
    """
    rows = [*history, running] if running else list(history)
    if not rows:
        return ""
    charts = "".join(
        _chart(TRAIN[f"curve_{measure}"], measure, history, rows, max(epochs, 1))
        for measure in ("loss", "accuracy")
    )
    return f"<div class='curves'>{charts}</div><p class='note'>{TRAIN['curve_hint']}</p>"


def _chart(title: str, measure: str, history: Rows, rows: Rows, epochs: int) -> str:
    training = [(row["epoch"], row[measure]) for row in rows if measure in row]
    key = f"val_{measure}"
    measured = [(row["epoch"], row[key]) for row in history if key in row]
    top = 1.0 if measure == "accuracy" else _round_up([y for _, y in training + measured])
    lines = _line(training, epochs, top, "training") + _line(measured, epochs, top, "measured")
    words = escape(_words(title, measure, training, measured))
    return (
        f"<figure><figcaption>{words}</figcaption>"
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{words}'>"
        f"{_axes(epochs, top, measure)}{lines}</svg></figure>"
    )


def _round_up(values: Sequence[float]) -> float:
    highest = max([value for value in values if value == value and value < 1e6], default=1.0)
    return next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1e6) if highest <= step)


def _axes(epochs: int, top: float, measure: str) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(share * top, top)
        mark = f"{100 * share:.0f} %" if measure == "accuracy" else f"{share * top:g}"
        parts.append(
            f"<line class='grid' x1='{_LEFT}' x2='{_WIDTH - _PAD}' y1='{y:.1f}' y2='{y:.1f}'/>"
            f"<text x='{_LEFT - 6}' y='{y + 4:.1f}' text-anchor='end'>{mark}</text>"
        )
    for epoch in sorted({0, epochs}):
        place = f"x='{_x(epoch, epochs):.1f}' y='{_HEIGHT - 4}'"
        parts.append(f"<text {place} text-anchor='{'end' if epoch else 'start'}'>{epoch}</text>")
    return "".join(parts)


def _line(points: Sequence[tuple[float, float]], epochs: int, top: float, kind: str) -> str:
    places = [(_x(x, epochs), _y(y, top)) for x, y in points if y == y]
    if not places:
        return ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return (
        f"<polyline class='{kind}' points='{path}'/>"
        f"<circle class='{kind}' cx='{x:.1f}' cy='{y:.1f}' r='3'/>"
    )


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
    def told(value: float) -> str:
        return f"{100 * value:.1f} %" if measure == "accuracy" else f"{value:.3f}"

    parts = [f"training {told(training[-1][1])}"] if training else []
    parts += [f"held out {told(measured[-1][1])}"] if measured else []
    return f"{title}: {', '.join(parts)}"
