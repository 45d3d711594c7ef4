"""Questions, second looks and reveals as the desk's script draws them. Plain dictionaries."""

from typing import Any

from octtutor.core.answer import choice_word
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Options
from octtutor.core.scheme import OCT2017, Scheme
from octtutor.datasets.decode import Pixels
from octtutor.model.explain.maps import COLOURS
from octtutor.tutor.ports import Maps
from octtutor.tutor.practice.answering import Question
from octtutor.tutor.practice.marking import MarkScore
from octtutor.tutor.practice.revealing import ModelLook, Reveal
from octtutor.ui.desk.texts import DESK
from octtutor.ui.shared.mapped_texts import mapped_notes
from octtutor.ui.shared.pictures import map_uri, outline_path, scan_uri
from octtutor.ui.shared.scheme_view import scheme_view

View = dict[str, Any]
IDLE: View = {"phase": "idle"}


def question_view(question: Question) -> View:
    """Draw a case to be read. Holds nothing that tells the answer."""
    return {
        "phase": "ask",
        "attempt": question.attempt_id,
        "position": question.position,
        "total": question.total,
        "elapsed": question.elapsed_ms,
        "left": question.left_ms,
        "asks": _asks(question.options),
        "session": question.session,
        "synthetic": question.synthetic,
        **_scheme(question.scheme),
        **_picture(question.scan),
    }


def waiting_view(attempt_id: str, position: int, session: str | None) -> View:
    """Draw that the answer is recorded and the model is awaited."""
    return {
        "phase": "wait",
        "attempt": attempt_id,
        "position": position,
        "loading": True,
        "session": session,
    }


def notice_view(attempt_id: str, text: str, paused: bool) -> View:
    """Draw a line of the session over the case; an empty one takes it away."""
    return {"phase": "notice", "attempt": attempt_id, "notice": text, "paused": paused}


def look_view(look: ModelLook, with_scan: bool) -> View:
    """Draw the model's answer for the second look. It tells the model's answer, not the truth."""
    height, width = look.scan.shape
    view: View = {
        "phase": "look",
        "attempt": look.attempt_id,
        "position": look.position,
        "total": look.total,
        "elapsed": look.answer.response_ms,
        "asks": _asks(look.options),
        "synthetic": look.synthetic,
        "choice": choice_word(look.answer.choice),
        "confidence": look.answer.confidence,
        "mark": look.answer.mark,
        "model": _model(look, look.prediction),
        "maps": _maps(look.maps, look.prediction, width / height),
        **_scheme(look.scheme),
        "width": width,
        "height": height,
    }
    return view | (_picture(look.scan) if with_scan else {})


def reveal_view(reveal: Reveal, with_scan: bool, contrast: str = "", review: bool = False) -> View:
    """Draw the reveal.

    Args:
        reveal: what to tell.
        with_scan: False when the page has the scan already.
        contrast: HTML of two scans to compare, after a confusion.
        review: whether an ended quiz is looked at again.
    """
    height, width = reveal.scan.shape
    answer, second = reveal.answer, reveal.second
    view: View = {
        "phase": "told",
        "attempt": reveal.attempt_id,
        "position": reveal.position,
        "total": reveal.total,
        "elapsed": answer.response_ms,
        "asks": _asks(reveal.options),
        "synthetic": reveal.case.synthetic,
        "width": width,
        "height": height,
        "choice": choice_word(answer.choice),
        "confidence": answer.confidence,
        "timed_out": answer.timed_out,
        "second": choice_word(second.choice) if second else None,
        "mark": answer.mark,
        "hit": _score(reveal.mark),
        "truth": str(answer.truth),
        "right": (second.choice if second else answer.choice) == answer.truth,
        "advice": advice(reveal),
        "findings": list(reveal.case.findings),
        "outline": outline_path(reveal.mask) if reveal.mask is not None else "",
        "fault": reveal.model_fault,
        "model": _model(reveal, reveal.prediction, answer.truth) if reveal.prediction else None,
        "trained_on": reveal.trained_on,
        "unknown_patient": reveal.case.has_unknown_patient and not reveal.trained_on,
        "contrast": contrast,
        "review": review,
        "discussion": False,
        **_scheme(reveal.scheme),
    }
    if reveal.maps is not None and reveal.prediction is not None:
        view["maps"] = _maps(reveal.maps, reveal.prediction, width / height)
    return view | (_picture(reveal.scan) if with_scan else {})


def _scheme(scheme: Scheme) -> View:
    """Return what the desk shows of a list of diagnoses; nothing of that which it has anyway."""
    return {} if scheme.stamp == OCT2017 else {"scheme": scheme_view(scheme)}


def advice(reveal: Reveal) -> list[str]:
    """Return what to look for: for the true class, and for what it was confused with."""
    truth, scheme = reveal.answer.truth, reveal.scheme
    choice = reveal.second.choice if reveal.second else reveal.answer.choice
    pair = scheme.tell_apart(truth, choice) if choice is not None and choice != truth else ""
    return [text for text in (scheme.get(truth).look_for, pair) if text]


def _asks(options: Options) -> dict[str, bool]:
    return {
        "confidence": options.confidence,
        "mark": options.mark_where,
        "look": options.second_look,
        "exam": options.is_exam,
    }


def _picture(scan: Pixels) -> View:
    height, width = scan.shape
    return {"scan": scan_uri(scan), "width": width, "height": height}


def _model(told: ModelLook | Reveal, prediction: Prediction, truth: str | None = None) -> View:
    """Draw the model's answer as it is, and what is to be said of it; a look tells no truth."""
    return {
        "mapped": prediction.scheme != told.scheme.stamp,
        "notes": model_notes(told, prediction, truth),
        "name": prediction.model,
        "label": str(prediction.label),
        "chances": dict(prediction.probabilities),
    }


def model_notes(
    told: ModelLook | Reveal, prediction: Prediction, truth: str | None = None
) -> list[str]:
    """Return what is to be said of the model's answer; `truth` only where it may be told."""
    standing = told.standing
    alone = standing is None or standing.would_answer
    notes = [standing.verdict.why if standing else "", "" if alone else DESK["would_not"]]
    notes += mapped_notes(prediction.label, told.counterparts, truth)
    return [note for note in notes if note]


def _maps(maps: Maps | None, prediction: Prediction, aspect: float) -> View | None:
    if maps is None:
        return None
    by_key = dict(zip(prediction.probabilities, maps, strict=True))
    return {
        colours: {key: map_uri(raw, colours, aspect) for key, raw in by_key.items()}
        for colours in COLOURS
    }


def _score(score: MarkScore | None) -> View | None:
    return {"hit": score.hit, "distance": round(score.distance)} if score else None
