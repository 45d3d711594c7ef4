"""The form of the tab Quizzes: its fields, and what they mean as a quiz."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import gradio as gr

from octtutor.core.quiz import Options
from octtutor.core.quizfile.quiz_file import FLAGS, QuizFile
from octtutor.core.scheme import MOST, Scheme
from octtutor.datasets.schemes.scheme_registry import DEFAULT_SCHEME, OCT2017_SCHEME
from octtutor.errors import BadInputError
from octtutor.tutor.decks.deck_import import EMBEDDED
from octtutor.tutor.exams.quiz_building import build_quiz
from octtutor.tutor.exams.quizzes import EASIEST, HARDEST, RANDOM
from octtutor.ui.quizzes.texts import QUIZZES

RULE, PICKED = "rule", "picked"
PRACTICE, EXAM = "practice", "exam"
ANNOTATED = {"all": None, "yes": True, "no": False}
"""Which scans are offered: with or without a mask of the lesion."""
USUAL_COUNT = 5
"""Scans of each class, to begin with."""
COUNTS = tuple(f"count_{n}" for n in range(1, MOST + 1))
"""The fields that count scans, in the order of the scheme's classes; the last may be idle."""


@dataclass(frozen=True, slots=True)
class QuizForm:
    """What the form's fields hold, in their order."""

    key: Any = ""
    title: Any = ""
    language: Any = "en"
    description: Any = ""
    source: Any = ""
    deck: Any = EMBEDDED
    how: Any = RULE
    scheme: Any = DEFAULT_SCHEME
    """The deck's, or the quiz's where its deck is not here; likewise what the counts are of."""
    count_1: Any = USUAL_COUNT
    count_2: Any = USUAL_COUNT
    count_3: Any = USUAL_COUNT
    count_4: Any = USUAL_COUNT
    count_5: Any = 0
    count_6: Any = 0
    count_7: Any = 0
    count_8: Any = 0
    count_9: Any = 0
    seed: Any = 1
    order: Any = RANDOM
    annotated: Any = "all"
    cases: Any = ()
    """SHA-256 of each picked case."""
    mode: Any = PRACTICE
    confidence: Any = True
    second_look: Any = False
    mark_where: Any = False
    may_change: Any = True
    case_seconds: Any = 0
    """0 or empty: no limit; likewise below."""
    total_seconds: Any = 0
    attempts: Any = 0
    retest_days: Any = 0
    pass_mark: Any = 0
    """Per cent."""
    offered: Any = False
    """Whether trainees may begin it by themselves."""

    def per_class(self, keys: Sequence[str]) -> dict[str, int]:
        """Return how many are wanted of each class (`keys`, in order) that is wanted at all."""
        counts = (
            (key, _whole(getattr(self, name), key)) for name, key in zip(COUNTS, keys, strict=False)
        )
        return {key: n for key, n in counts if n}

    def to_quiz(self, scheme: Scheme) -> QuizFile:
        """Return the quiz that the fields make, in the classes of a scheme.

        Raises:
            BadInputError: they make none; says all that is wrong.
        """
        is_rule = self.how == RULE
        quiz = build_quiz(
            _text(self.key),
            _text(self.title),
            description=_text(self.description),
            deck=_text(self.deck),
            language=_text(self.language),
            per_class=self.per_class(scheme.keys) if is_rule else None,
            cases=() if is_rule else [str(sha256) for sha256 in self.cases or ()],
            seed=self.whole_seed,
            options=_to_options(self),
            source=_text(self.source),
            scheme=scheme,
        )
        return replace(quiz, offered=bool(self.offered))

    @property
    def whole_seed(self) -> int:
        """The seed, 0 where the field is empty."""
        return _whole(self.seed, QUIZZES["seed"]) or 0


def _to_options(form: QuizForm) -> Options:
    whole = ("case_seconds", "total_seconds", "attempts", "retest_days")
    share = _number(form.pass_mark, QUIZZES["pass_mark"]) or None
    return Options(
        is_exam=form.mode == EXAM,
        confidence=bool(form.confidence),
        second_look=bool(form.second_look),
        mark_where=bool(form.mark_where),
        pass_mark=None if share is None else share / 100,
        may_change=bool(form.may_change),
        **{key: _whole(getattr(form, key), QUIZZES[key]) or None for key in whole},
    )


def to_form(quiz: QuizFile, scheme: Scheme) -> QuizForm:
    """Return the fields of a quiz, whose classes are the scheme's."""
    options = quiz.options
    counts = counts_of(scheme, quiz.rule.per_class if quiz.rule else None)
    form = QuizForm(
        quiz.key,
        quiz.title,
        quiz.language,
        quiz.description,
        quiz.source,
        quiz.deck,
        RULE if quiz.rule else PICKED,
        scheme.name,
        seed=quiz.seed,
        cases=list(quiz.cases),
        mode=EXAM if options.is_exam else PRACTICE,
        confidence=options.confidence,
        second_look=options.second_look,
        mark_where=options.mark_where,
        may_change=options.may_change,
        case_seconds=options.case_seconds or 0,
        total_seconds=options.total_seconds or 0,
        attempts=options.attempts or 0,
        retest_days=options.retest_days or 0,
        pass_mark=round((options.pass_mark or 0) * 100, 9),
        offered=quiz.offered,
    )
    return replace(form, **dict(zip(COUNTS, counts, strict=True)))


def counts_of(scheme: Scheme, per_class: Mapping[str, int] | None = None) -> list[int]:
    """Return what the COUNTS hold: the scans of each class, the usual number by default."""
    held = dict.fromkeys(scheme.keys, USUAL_COUNT) if per_class is None else per_class
    return [held.get(key, 0) for key in scheme.keys] + [0] * (MOST - len(scheme.keys))


def count_updates(scheme: Scheme, counts: Sequence[Any]) -> list[Any]:
    """Return the updates of the COUNTS: name and number of each class; idle ones are not seen."""
    keys = [*scheme.keys, *[""] * (MOST - len(scheme.keys))]
    return [
        gr.update(value=n, label=key or None, visible=bool(key))
        for key, n in zip(keys, counts, strict=True)
    ]


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


PLACE = {field.name: place for place, field in enumerate(fields(QuizForm))}
_START = QuizForm()


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
    scheme = gr.Textbox(_START.scheme, visible="hidden", elem_id="quiz-scheme")
    with gr.Row():
        counts = [_class_count(name, place) for place, name in enumerate(COUNTS)]
        seed = _count("seed", QUIZZES["seed"])
    with gr.Row():
        order = _radio("order", (RANDOM, HARDEST, EASIEST), QUIZZES["order_hint"])
        annotated = _radio("annotated", tuple(ANNOTATED))
    return [deck, how, scheme, *counts, seed, order, annotated]


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
            for key in FLAGS
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
    offered = gr.Checkbox(
        _START.offered,
        label=QUIZZES["offered"],
        info=QUIZZES["offered_hint"],
        elem_id="quiz-offered",
    )
    return [mode, *flags, *limits, *exams, offered]


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


def _class_count(name: str, place: int) -> gr.Number:
    is_used = place < len(OCT2017_SCHEME.keys)
    return gr.Number(
        getattr(_START, name),
        label=OCT2017_SCHEME.keys[place] if is_used else None,
        visible=is_used,
        min_width=120,
        elem_id=f"quiz-{name}",
    )


def _count(key: str, label: str, hint: str | None = None) -> gr.Number:
    value = getattr(_START, key)
    return gr.Number(value, label=label, info=hint, min_width=120, elem_id=f"quiz-{key}")
