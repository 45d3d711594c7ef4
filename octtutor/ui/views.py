"""Questions and reveals as the desk's script draws them. Plain dictionaries."""

from typing import Any

from octtutor.core.answer import choice_word
from octtutor.core.diagnosis import by_label
from octtutor.model.maps import COLOURS
from octtutor.tutor.practice import Question, Reveal
from octtutor.ui.pictures import map_uri, outline_path, scan_uri
from octtutor.ui.texts import advice

View = dict[str, Any]
IDLE: View = {"phase": "idle"}


def question_view(question: Question) -> View:
    """Draw a case to be read. Holds nothing that tells the answer."""
    height, width = question.scan.shape
    return {
        "phase": "ask",
        "attempt": question.attempt_id,
        "position": question.position,
        "total": question.total,
        "elapsed": question.elapsed_ms,
        "synthetic": question.synthetic,
        "scan": scan_uri(question.scan),
        "width": width,
        "height": height,
    }


def waiting_view(attempt_id: str, position: int) -> View:
    """Draw that the answer is recorded and the model is awaited."""
    return {"phase": "wait", "attempt": attempt_id, "position": position, "loading": True}


def reveal_view(reveal: Reveal, with_scan: bool) -> View:
    """Draw the reveal; the scan is left out when the page has it already."""
    height, width = reveal.scan.shape
    answer, prediction = reveal.answer, reveal.prediction
    view: View = {
        "phase": "told",
        "attempt": reveal.attempt_id,
        "position": reveal.position,
        "total": reveal.total,
        "elapsed": answer.response_ms,
        "synthetic": reveal.case.synthetic,
        "width": width,
        "height": height,
        "choice": choice_word(answer.choice),
        "confidence": answer.confidence,
        "truth": str(answer.truth),
        "right": answer.is_right,
        "advice": list(advice(answer.truth, answer.choice)),
        "findings": list(reveal.case.findings),
        "outline": outline_path(reveal.mask) if reveal.mask is not None else "",
        "fault": reveal.model_fault,
        "model": None,
    }
    if prediction is not None:
        view["model"] = {
            "name": prediction.model,
            "label": str(prediction.label),
            "chances": by_label(prediction.probabilities),
        }
    if reveal.maps is not None:
        view["maps"] = {
            colours: by_label(map_uri(raw, colours, width / height) for raw in reveal.maps)
            for colours in COLOURS
        }
    return view | ({"scan": scan_uri(reveal.scan)} if with_scan else {})
