"""The form of the tab Quizzes: its fields, and what they mean as a quiz."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import Options
from octtutor.core.quizfile import QuizFile
from octtutor.errors import BadInputError
from octtutor.tutor.importing import EMBEDDED
from octtutor.tutor.quizzes import EASIEST, HARDEST, RANDOM, build_quiz
from octtutor.ui.quizzes_texts import QUIZZES

RULE, PICKED = "rule", "picked"
PRACTICE, EXAM = "practice", "exam"
ANNOTATED = {"all": None, "yes": True, "no": False}
"""Which scans are offered: with or without a mask of the lesion."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the form's fields hold, in their order."""

    key: Any = ""
    title: Any = ""
    language: Any = "en"
    description: Any = ""
    source: Any = ""
    deck: Any = EMBEDDED
    how: Any = RULE
    cnv: Any = 5
    dme: Any = 5
    drusen: Any = 5
    normal: Any = 5
    seed: Any = 1
    order: Any = RANDOM
    annotated: Any = "all"
    cases: Any = ()
    """SHA-256 of each picked case."""
    mode: Any = PRACTICE
    confidence: Any = True
    second_look: Any = False
    mark_where: Any = False
    case_seconds: Any = 0
    """0 or empty: no limit; likewise below."""
    total_seconds: Any = 0
    attempts: Any = 0
    retest_days: Any = 0
    pass_mark: Any = 0
    """Per cent."""

    @property
    def per_class(self) -> dict[Diagnosis, int]:
        """How many are wanted of each class that is wanted at all."""
        counts = (_whole(getattr(self, label.lower()), label) or 0 for label in LABELS)
        return {label: n for label, n in zip(LABELS, counts, strict=True) if n}

    def to_quiz(self) -> QuizFile:
        """Return the quiz that the fields make.

        Raises:
            BadInputError: they make none; says all that is wrong.
        """
        is_rule = self.how == RULE
        return build_quiz(
            _text(self.key),
            _text(self.title),
            description=_text(self.description),
            deck=_text(self.deck),
            language=_text(self.language),
            per_class=self.per_class if is_rule else None,
            cases=() if is_rule else [str(sha256) for sha256 in self.cases or ()],
            seed=self.whole_seed,
            options=_to_options(self),
            source=_text(self.source),
        )

    @property
    def whole_seed(self) -> int:
        """The seed, 0 where the field is empty."""
        return _whole(self.seed, QUIZZES["seed"]) or 0


def _to_options(form: Form) -> Options:
    whole = ("case_seconds", "total_seconds", "attempts", "retest_days")
    share = _number(form.pass_mark, QUIZZES["pass_mark"]) or None
    return Options(
        is_exam=form.mode == EXAM,
        confidence=bool(form.confidence),
        second_look=bool(form.second_look),
        mark_where=bool(form.mark_where),
        pass_mark=None if share is None else share / 100,
        **{key: _whole(getattr(form, key), QUIZZES[key]) or None for key in whole},
    )


def to_form(quiz: QuizFile) -> Form:
    """Return the fields of a quiz."""
    options = quiz.options
    counts = quiz.rule.per_class if quiz.rule else (5, 5, 5, 5)
    return Form(
        quiz.key,
        quiz.title,
        quiz.language,
        quiz.description,
        quiz.source,
        quiz.deck,
        RULE if quiz.rule else PICKED,
        *counts,
        seed=quiz.seed,
        cases=list(quiz.cases),
        mode=EXAM if options.is_exam else PRACTICE,
        confidence=options.confidence,
        second_look=options.second_look,
        mark_where=options.mark_where,
        case_seconds=options.case_seconds or 0,
        total_seconds=options.total_seconds or 0,
        attempts=options.attempts or 0,
        retest_days=options.retest_days or 0,
        pass_mark=round((options.pass_mark or 0) * 100, 9),
    )


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any, what: str) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInputError(QUIZZES["bad_share"].format(what=what, value=repr(value)[:40]))
    return float(value)


def _whole(value: Any, what: str) -> int | None:
    number = _number(value, what)
    if number is not None and not number.is_integer():
        raise BadInputError(QUIZZES["bad_number"].format(what=what, value=repr(value)[:40]))
    return None if number is None else int(number)


PLACE = {field.name: place for place, field in enumerate(fields(Form))}
_START = Form()


class Layout:
    """The components of the tab."""

    def __init__(self) -> None:
        gr.Markdown(f"### {QUIZZES['head']}")
        self.table = gr.HTML(elem_id="quizzes", apply_default_css=False, min_height=80)
        with gr.Row():
            self.chosen = gr.Dropdown(
                [],
                label=QUIZZES["choose"],
                info=QUIZZES["edit_hint"],
                min_width=320,
                elem_id="quiz-chosen",
            )
            self.edit = gr.Button(QUIZZES["edit"], elem_id="quiz-edit")
            self.sure = gr.Checkbox(label=QUIZZES["remove_sure"], elem_id="quiz-sure")
            self.remove = gr.Button(QUIZZES["remove"], elem_id="quiz-remove")
        gr.Markdown(f"### {QUIZZES['make']}\n{QUIZZES['how_to']}")
        self.form = [*_facts_fields(), *_cases_fields()]
        self.pick = gr.Button(QUIZZES["pick"], elem_id="quiz-pick")
        self.form += [_picks_field(), *_options_fields()]
        self.replacing = gr.Checkbox(label=QUIZZES["replace"], elem_id="quiz-replace")
        with gr.Row():
            self.look = gr.Button(QUIZZES["preview"], elem_id="quiz-look")
            self.save = gr.Button(QUIZZES["save"], variant="primary", elem_id="quiz-save")
        self.said = gr.HTML(elem_id="quiz-said", apply_default_css=False, min_height=40)
        self.preview = gr.HTML(elem_id="quiz-preview", apply_default_css=False, min_height=80)


def _facts_fields() -> list[Any]:
    with gr.Row():
        shown = [_line("key", 64, QUIZZES["key_hint"]), _line("title", 80), _line("language", 12)]
    return [*shown, _line("description", 400, lines=2), _line("source", 400)]


def _cases_fields() -> list[Any]:
    with gr.Row():
        deck = gr.Dropdown([EMBEDDED], value=EMBEDDED, label=QUIZZES["deck"], elem_id="quiz-deck")
        how = _radio("how", (RULE, PICKED))
    with gr.Row():
        counts = [_count(label.lower(), label) for label in LABELS]
        seed = _count("seed", QUIZZES["seed"])
    with gr.Row():
        order = _radio("order", (RANDOM, HARDEST, EASIEST), QUIZZES["order_hint"])
        annotated = _radio("annotated", tuple(ANNOTATED))
    return [deck, how, *counts, seed, order, annotated]


def _picks_field() -> Any:
    return gr.Dropdown(
        [],
        multiselect=True,
        label=QUIZZES["picks"],
        info=QUIZZES["picks_hint"],
        elem_id="quiz-cases",
    )


def _options_fields() -> list[Any]:
    with gr.Row():
        mode = _radio("mode", (PRACTICE, EXAM))
        flags = [
            gr.Checkbox(getattr(_START, key), label=QUIZZES[key], elem_id=f"quiz-{key}")
            for key in ("confidence", "second_look", "mark_where")
        ]
    with gr.Row():
        limits = [
            _count(key, QUIZZES[key], QUIZZES["limits_hint"])
            for key in ("case_seconds", "total_seconds")
        ]
        exams = [
            _count(key, QUIZZES[key], QUIZZES["exam_hint"])
            for key in ("attempts", "retest_days", "pass_mark")
        ]
    return [mode, *flags, *limits, *exams]


def _line(key: str, most: int, hint: str | None = None, lines: int = 1) -> gr.Textbox:
    return gr.Textbox(
        getattr(_START, key),
        label=QUIZZES[key],
        info=hint,
        max_length=most,
        lines=lines,
        elem_id=f"quiz-{key}",
    )


def _radio(key: str, values: Sequence[str], hint: str | None = None) -> gr.Radio:
    return gr.Radio(
        [(QUIZZES[value], value) for value in values],
        value=getattr(_START, key),
        label=QUIZZES[key],
        info=hint,
        elem_id=f"quiz-{key}",
    )


def _count(key: str, label: str, hint: str | None = None) -> gr.Number:
    value = getattr(_START, key)
    return gr.Number(value, label=label, info=hint, min_width=120, elem_id=f"quiz-{key}")
