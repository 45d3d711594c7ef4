"""A quiz file: which cases, how they are played, and what people are told of them. TOML.

    title = "Drusen or CNV?"
    description = "The confusion that costs most sight."
    deck = "embedded"
    mode = "practice"

    [options]
    mark_where = true

    [rule]
    per_class = { CNV = 5, DRUSEN = 5 }
    seed = 1

Instead of `[rule]`, which draws the same cases of the same deck each time, the cases can be named:

    [[cases]]
    sha256 = "0a1b…"
    name = "a name for people; it is never shown before the answer"
"""

from collections.abc import Mapping
from dataclasses import dataclass

from octtutor.core.quiz import Options
from octtutor.core.scheme import OCT2017

EXAM_ONLY = ("pass_mark", "attempts", "retest_days")
"""Practice tells the truth at once and can be taken again at once: there they mean nothing."""
MODES = ("practice", "exam")
FLAGS = ("confidence", "second_look", "mark_where", "may_change")
NUMBERS = ("case_seconds", "total_seconds", "attempts", "retest_days")
DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Rule:
    """How many cases of each class, drawn from the deck with a seed."""

    per_class: Mapping[str, int]
    """Of each class of the scheme, in order; 0 of those that are left out."""
    seed: int


@dataclass(frozen=True, slots=True)
class QuizFile:
    """A quiz as its file says. It has a rule or named cases, never both."""

    key: str
    """The file's name without `.toml`."""
    version: str
    """The first 12 digits of the SHA-256 of the file's text, with Unix line ends."""
    title: str
    description: str
    deck: str
    """Its name; empty: any deck that holds the named cases."""
    language: str
    rule: Rule | None
    cases: tuple[str, ...]
    """SHA-256 of each named case; their order in the file means nothing."""
    seed: int
    """Of the order in which the cases come; the rule's own where there is one."""
    options: Options
    source: str
    """Where the scans can be had, for people who lack them; empty where they ship."""
    scheme: str = OCT2017.name
    """The list of diagnoses that it is answered with; its deck's."""
    offered: bool = True
    """Whether trainees may begin it by themselves; sessions can have it all the same."""

    @property
    def size(self) -> int:
        """How many cases it has."""
        return len(self.cases) or sum(self.rule.per_class.values() if self.rule else ())
