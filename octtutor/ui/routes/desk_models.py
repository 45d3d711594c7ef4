"""What travels between the desk's client and the server: requests, replies, one shape of errors.

A reply is a `Screen`: one of several, told apart by `phase`. Each names the state that it answers
(`StatePlace`): a client drops a reply whose `version` is lower than that of what it shows of the
same attempt. Nothing before `told` tells the truth, and nothing before `look` the model's answer.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

MOST_MS = 24 * 3600 * 1000
MAX_WORD = 64
Mark = tuple[StrictInt, StrictInt]
"""(x, y) in pixels of the scan from its upper left."""
Word = Annotated[str, Field(min_length=1, max_length=MAX_WORD)]
Confidence = Annotated[StrictInt, Field(ge=1, le=5)]
Milliseconds = Annotated[StrictInt, Field(ge=0, le=MOST_MS)]
Position = Annotated[StrictInt, Field(ge=0)]


class _Request(BaseModel):
    """What a client sends; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Reply(BaseModel):
    """What the server answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ---- requests ----------------------------------------------------------------------------


class PracticeStart(_Request):
    """Begin to practise."""

    kind: Literal["practice"]
    nickname: str = Field("", max_length=200)
    deck: Word
    size: Annotated[StrictInt, Field(ge=1, le=10**9)] | None = None
    """How many cases; None: all."""
    order: Literal["adaptive", "balanced"] = "adaptive"
    seed: Annotated[StrictInt, Field(ge=0, lt=2**31)] | None = None


class DueStart(_Request):
    """Practise what is due."""

    kind: Literal["due"]
    nickname: str = Field("", max_length=200)
    deck: Word


class QuizStart(_Request):
    """Take a quiz or an exam, or the retest of one."""

    kind: Literal["quiz"]
    nickname: str = Field("", max_length=200)
    quiz: Word
    retest: StrictBool = False


class SessionStart(_Request):
    """Join a session, or come back to it."""

    kind: Literal["session"]
    nickname: str = Field("", max_length=200)
    code: str = Field(max_length=200)


StartRequest = Annotated[
    PracticeStart | DueStart | QuizStart | SessionStart, Field(discriminator="kind")
]


class AttemptRequest(_Request):
    """Names a quiz of the trainee's."""

    attempt: Word


class CaseRequest(AttemptRequest):
    """Names a case of a quiz of the trainee's."""

    position: Position


class ReviewRequest(_Request):
    """Names a case of an ended quiz, to be looked at again."""

    attempt: Word | None = None
    """None: the trainee's last quiz with an answer."""
    position: Position


class CommitRequest(CaseRequest):
    """An answer to the case that is asked."""

    choice: Word
    """A key of the scheme, or UNGRADABLE; of no account where the time is over."""
    confidence: Confidence | None = None
    """None where the quiz does not ask it."""
    ms: Milliseconds
    """From seeing the scan to committing, by the client's clock."""
    mark: Mark | None = None
    timed_out: StrictBool = False


class ChangeRequest(CaseRequest):
    """Another answer in place of one that was kept and not disclosed."""

    choice: Word
    confidence: Confidence | None = None
    ms: Milliseconds
    mark: Mark | None = None


class DecideRequest(CaseRequest):
    """The answer after the model's was seen: the same again, or another."""

    choice: Word
    confidence: Confidence | None = None
    """How sure now; None where the quiz does not ask it."""
    ms: Milliseconds
    """From seeing the model's answer."""


# ---- parts of replies --------------------------------------------------------------------


class StatePlace(_Reply):
    """The state that a reply answers."""

    attempt: str
    position: int
    version: int
    """Grows with everything that is recorded of the attempt, and never falls."""


class Picture(_Reply):
    """A picture at `desk/picture/<token>`; the bytes of an address never change."""

    token: str
    width: int
    """Of the scan, pixels; a map or another picture of it is laid over it whole."""
    height: int


class SchemeView(_Reply):
    """The list of diagnoses to choose from, in order."""

    labels: list[str]
    names: dict[str, str]
    colours: dict[str, str]
    normal: str | None
    ungradable: bool


class Asks(_Reply):
    """What the quiz asks of an answer, and how it is played."""

    confidence: bool
    mark: bool
    look: bool
    exam: bool


class SessionNote(_Reply):
    """How the session stands that the quiz belongs to; it tells no answer."""

    code: str
    paused: bool
    discussed: int | None
    """Position of the case that is discussed on the projector."""
    may_see: bool
    """Whether `GET desk/state` shows this trainee the reveal of that case now."""
    notice: str
    """The line to show; empty: none."""


class MapOfClass(_Reply):
    """Where the network found evidence for a class."""

    label: str
    picture: Picture | None
    """Grey, 0 no evidence to 255 most; None: no evidence at all."""


class NetworkAnswer(_Reply):
    """The network's answer, and what is to be said of it."""

    name: str
    label: str
    chances: dict[str, float]
    """Probability of each class that it knows, in its order."""
    mapped: bool
    """Its classes are not those of the deck: it is neither right nor wrong."""
    notes: list[str]
    maps: list[MapOfClass] | None
    """In the order of `chances`; None: there are no maps."""


class Second(_Reply):
    """The answer after the model's was seen."""

    choice: str
    confidence: int
    """0: it was not asked."""


class Hit(_Reply):
    """How well the click found the finding."""

    hit: bool
    distance: int


class ContrastScan(_Reply):
    """One of two scans to compare after a confusion."""

    label: str
    name: str
    picture: Picture


class TraineeView(_Reply):
    """Who it is; the client keeps the id and sends it as the header."""

    id: str
    nickname: str


# ---- replies -----------------------------------------------------------------------------


class _Screen(_Reply):
    trainee: TraineeView | None = None
    """Only in the reply to a start."""


class IdleScreen(_Screen):
    """Nothing is read: the rooms with their tabs."""

    phase: Literal["idle"] = "idle"
    state: None = None


class ResultsScreen(_Screen):
    """The quiz is over, as much as may be told of it."""

    phase: Literal["results"] = "results"
    state: None = None
    card: str
    """HTML."""
    reviews: bool
    """Whether its cases can be looked at again: `POST desk/review`."""


class WaitScreen(_Screen):
    """The answer is recorded and the model still loads; `GET desk/state` waits for it."""

    phase: Literal["wait"] = "wait"
    state: StatePlace
    session: SessionNote | None


class _CaseScreen(_Screen):
    state: StatePlace
    total: int
    asks: Asks
    scheme: SchemeView
    session: SessionNote | None
    synthetic: bool
    scan: Picture


class AskScreen(_CaseScreen):
    """A scan to be read."""

    phase: Literal["ask"] = "ask"
    elapsed: int
    """Milliseconds since it was first shown."""
    left: int | None
    """Milliseconds until the time is over; None without a limit."""


class _AnsweredScreen(_CaseScreen):
    choice: str
    """The first answer; of an answer that was changed, the one that counts."""
    confidence: int
    """0: it was not asked."""
    mark: Mark | None
    elapsed: int
    """Milliseconds that the answer took."""


class KeptScreen(_AnsweredScreen):
    """The answer is kept and nothing is told of it: change it, or go on with `next`."""

    phase: Literal["kept"] = "kept"
    changes: int
    """How often it was changed."""
    may_change: bool
    left: int | None


class LookScreen(_AnsweredScreen):
    """The model's answer is on the table and the truth is not: `decide`."""

    phase: Literal["look"] = "look"
    model: NetworkAnswer


class ToldScreen(_AnsweredScreen):
    """The reveal."""

    phase: Literal["told"] = "told"
    second: Second | None
    timed_out: bool
    truth: str
    right: bool
    hit: Hit | None
    advice: list[str]
    findings: list[str]
    outline: str
    """An SVG path in pixels of the scan; empty: nobody has outlined this scan."""
    fault: str | None
    """Why the model says nothing."""
    model: NetworkAnswer | None
    trained_on: bool
    unknown_patient: bool
    contrast: list[ContrastScan]
    """The scan just read and one of the class that it was taken for; empty: none."""
    review: bool
    """An ended quiz is looked at again: `POST desk/review` with the next position goes on."""
    discussion: bool
    """A case that the educator shows to all; `next` is not offered."""
    ahead: Picture | None
    """The next scan, to be fetched while this is read; None where it may not be seen yet, or is
    drawn only then."""


Screen = Annotated[
    IdleScreen | ResultsScreen | WaitScreen | AskScreen | KeptScreen | LookScreen | ToldScreen,
    Field(discriminator="phase"),
]


class SessionReply(_Reply):
    """How the trainee's session stands. It carries no position of a case to read and no choice."""

    attempt: str | None
    """None: no quiz runs, or it is of no session."""
    session: SessionNote | None
    over: bool
    """The session or the quiz in it has ended: `GET desk/state` has the results."""


class RouteFault(_Reply):
    """What went wrong: what was expected, what came, what to do."""

    code: Literal[
        "bad_input", "no_trainee", "foreign", "missing", "stale", "too_many", "model", "records"
    ]
    """`stale`: the state has moved on; ask `GET desk/state`. `records`: try again."""
    message: str
    """For a person."""


class FaultReply(_Reply):
    """The one shape of all errors of these routes."""

    error: RouteFault
