"""What the desk's routes answer, made of what the use cases tell. Values in, values out."""

import secrets
from functools import partial

import numpy as np
import numpy.typing as npt

from octtutor.core.answer import Answered, choice_word
from octtutor.core.case import Case
from octtutor.core.prediction import Prediction
from octtutor.core.quiz import Options
from octtutor.core.scheme import Scheme
from octtutor.datasets.decode import Pixels
from octtutor.errors import OctTutorError
from octtutor.tutor.atlas.atlas import Atlas
from octtutor.tutor.ports import Images
from octtutor.tutor.practice.answering import Question, Turn
from octtutor.tutor.practice.marking import MarkScore
from octtutor.tutor.practice.revealing import ModelLook, Reveal
from octtutor.tutor.practice.sitting import Sitting
from octtutor.ui.desk.texts import JOIN
from octtutor.ui.desk.views import advice, model_notes
from octtutor.ui.routes.desk_models import (
    Asks,
    AskScreen,
    ContrastScan,
    Hit,
    KeptScreen,
    LookScreen,
    MapOfClass,
    NetworkAnswer,
    Picture,
    SchemeView,
    Second,
    SessionNote,
    StatePlace,
    ToldScreen,
    WaitScreen,
)
from octtutor.ui.routes.picture_tokens import Encoded, Pictures, compared_webp, map_webp, scan_png
from octtutor.ui.shared.pictures import outline_path
from octtutor.ui.shared.scheme_view import scheme_view


class DeskReplies:
    """Draws screens, and gives the pictures on them their addresses."""

    def __init__(self, pictures: Pictures, images: Images, atlas: Atlas) -> None:
        """Take where pictures are kept, the scans, and what is marked in them."""
        self._pictures, self._images, self._atlas = pictures, images, atlas

    def ask(self, turn: Turn, question: Question) -> AskScreen:
        """Draw a case to be read. Holds nothing that tells the answer."""
        return AskScreen(
            state=_place(turn.sitting, turn.position),
            total=question.total,
            asks=_asks(question.options),
            scheme=_scheme(question.scheme),
            session=session_note(turn.sitting),
            synthetic=question.synthetic,
            scan=self._scan(turn.sitting, turn.position, question.scan),
            elapsed=question.elapsed_ms,
            left=question.left_ms,
        )

    def kept(
        self, sitting: Sitting, position: int, scheme: Scheme, left_ms: int | None
    ) -> KeptScreen:
        """Draw an answer of which nothing is told. The case must be loaded."""
        answer, case = sitting.given[position].answer, sitting.case_at(position)
        assert case is not None  # who answers has loaded it
        scan = self._images.read(case.sha256)
        return KeptScreen(
            state=_place(sitting, position),
            total=sitting.attempt.asked,
            asks=_asks(sitting.attempt.options),
            scheme=_scheme(scheme),
            session=session_note(sitting),
            synthetic=case.synthetic,
            scan=self._scan(sitting, position, scan),
            choice=choice_word(answer.choice),
            confidence=answer.confidence,
            mark=answer.mark,
            elapsed=answer.response_ms,
            changes=answer.changes,
            may_change=sitting.may_change(position) and not sitting.is_paused,
            left=left_ms,
        )

    def wait(self, sitting: Sitting, position: int) -> WaitScreen:
        """Draw that the answer is recorded and the model is awaited."""
        return WaitScreen(state=_place(sitting, position), session=session_note(sitting))

    def look(self, sitting: Sitting, told: ModelLook) -> LookScreen:
        """Draw the model's answer for the second look. It tells no truth."""
        answer = told.answer
        return LookScreen(
            state=_place(sitting, told.position),
            total=told.total,
            asks=_asks(told.options),
            scheme=_scheme(told.scheme),
            session=session_note(sitting),
            synthetic=told.synthetic,
            scan=self._scan(sitting, told.position, told.scan),
            choice=choice_word(answer.choice),
            confidence=answer.confidence,
            mark=answer.mark,
            elapsed=answer.response_ms,
            model=self._model(told, told.prediction, None),
        )

    def told(
        self, sitting: Sitting, reveal: Reveal, review: bool = False, discussion: bool = False
    ) -> ToldScreen:
        """Draw the reveal.

        Args:
            sitting: how the attempt stands.
            reveal: what to tell.
            review: whether an ended quiz is looked at again.
            discussion: whether the educator shows the case to all.
        """
        answer, second, position = reveal.answer, reveal.second, reveal.position
        goes_on = not (review or discussion)
        return ToldScreen(
            state=_place(sitting, position),
            total=reveal.total,
            asks=_asks(reveal.options),
            scheme=_scheme(reveal.scheme),
            session=session_note(sitting),
            synthetic=reveal.case.synthetic,
            scan=self._scan(sitting, position, reveal.scan),
            choice=choice_word(answer.choice),
            confidence=answer.confidence,
            mark=answer.mark,
            elapsed=answer.response_ms,
            second=Second(choice=choice_word(second.choice), confidence=second.confidence)
            if second
            else None,
            timed_out=answer.timed_out,
            truth=str(answer.truth),
            right=Answered(answer, None, second).final == answer.truth,
            hit=_hit(reveal.mark),
            advice=advice(reveal),
            findings=list(reveal.case.findings),
            outline=outline_path(reveal.mask) if reveal.mask is not None else "",
            fault=reveal.model_fault,
            model=self._model(reveal, reveal.prediction, answer.truth)
            if reveal.prediction
            else None,
            trained_on=reveal.trained_on,
            unknown_patient=reveal.case.has_unknown_patient and not reveal.trained_on,
            contrast=self._contrast(reveal) if goes_on else [],
            review=review,
            discussion=discussion,
            ahead=self._ahead(sitting, position) if goes_on else None,
        )

    def _scan(self, sitting: Sitting, position: int, scan: Pixels) -> Picture:
        draw = partial(scan_png, scan, secrets.token_hex(8))
        return _picture(self._pictures.offer(sitting.attempt.id, position, "scan", draw), scan)

    def _ahead(self, sitting: Sitting, position: int) -> Picture | None:
        """Return the next scan where it may be seen before it is gone on to."""
        attempt, following = sitting.attempt, position + 1
        options = attempt.options
        waits = options.is_exam or options.case_seconds or options.total_seconds
        is_next = following == len(sitting.given) and following < len(attempt.cases)
        if waits or sitting.is_paused or attempt.ended_at is not None or not is_next:
            return None
        try:
            return self._scan(sitting, following, self._images.read(attempt.cases[following]))
        except OctTutorError:
            return None  # going on says what is wrong with it

    def _model(
        self, told: ModelLook | Reveal, prediction: Prediction, truth: str | None
    ) -> NetworkAnswer:
        return NetworkAnswer(
            name=prediction.model,
            label=str(prediction.label),
            chances=dict(prediction.probabilities),
            mapped=prediction.scheme != told.scheme.stamp,
            notes=model_notes(told, prediction, truth),
            maps=self._maps(told, prediction),
        )

    def _maps(self, told: ModelLook | Reveal, prediction: Prediction) -> list[MapOfClass] | None:
        if told.maps is None:
            return None
        height, width = told.scan.shape

        def picture(key: str, raw: npt.NDArray[np.float32]) -> Picture | None:
            if not raw.any():
                return None
            what = ("map", prediction.model_sha256, key)
            draw = partial(map_webp, raw, width / height)
            token = self._pictures.offer(told.attempt_id, told.position, what, draw)
            return _picture(token, told.scan)

        by_key = zip(prediction.probabilities, told.maps, strict=True)
        return [MapOfClass(label=key, picture=picture(key, raw)) for key, raw in by_key]

    def _contrast(self, reveal: Reveal) -> list[ContrastScan]:
        if reveal.contrast is None:
            return []
        names = {one.key: one.name for one in reveal.scheme.diagnoses}

        def picture(place: int, case: Case) -> Picture:
            def draw() -> Encoded:
                return compared_webp(self._atlas.example(case))  # what is marked takes long to find

            token = self._pictures.offer(reveal.attempt_id, reveal.position, ("pair", place), draw)
            return _picture(token, self._images.read(case.sha256))

        try:
            return [
                ContrastScan(
                    label=case.label, name=names.get(case.label, ""), picture=picture(place, case)
                )
                for place, case in enumerate(reveal.contrast)
            ]
        except OctTutorError:
            return []  # a scan is gone: there is nothing to compare


def session_note(sitting: Sitting) -> SessionNote | None:
    """Say how the session stands that an attempt belongs to; None without one."""
    session = sitting.session
    if session is None:
        return None
    notice = JOIN["paused"] if sitting.is_paused else ""
    if session.discussed is not None:
        notice = JOIN["discussed"].format(n=session.discussed + 1)
    return SessionNote(
        code=session.code,
        paused=session.is_open and sitting.is_paused,
        discussed=session.discussed,
        may_see=session.discussed is not None and session.discussed < len(sitting.given),
        notice=notice,
    )


def _place(sitting: Sitting, position: int) -> StatePlace:
    return StatePlace(attempt=sitting.attempt.id, position=position, version=sitting.version)


def _picture(token: str, scan: Pixels) -> Picture:
    height, width = scan.shape
    return Picture(token=token, width=width, height=height)


def _asks(options: Options) -> Asks:
    return Asks(
        confidence=options.confidence,
        mark=options.mark_where,
        look=options.second_look,
        exam=options.is_exam,
    )


def _scheme(scheme: Scheme) -> SchemeView:
    return SchemeView(**scheme_view(scheme))


def _hit(score: MarkScore | None) -> Hit | None:
    return Hit(hit=score.hit, distance=round(score.distance)) if score else None
