"""SIMULATION: adaptive against random order, in trials to mastery of all four classes.

    python benchmarks/schedule.py [--json] [--learners 200] [--seed 2016] [--settings usual,…]
    python benchmarks/schedule.py --mastery    # what readers of a fixed skill are called, exactly

No person was measured. Each simulated learner reads the same deck twice, from the start, in the
order of `next_case` and in quizzes of 20 by `draw_unseen`, until `mastery` says that all four
classes are mastered. Whoever never gets there counts with the limit.

The learner is DASH[ACT-R] (Lindsey, Shroyer, Pashler and Mozer, Psychol Sci 25:639, 2014) with a
class in the place of an item: the log-odds of knowing a scan are ability − difficulty of class
and scan + c·ln(1 + S), S = Σ t^−d over the earlier trials of the class, t minutes ago; right and
wrong trials teach alike, as the truth is shown after both. Who does not know guesses, more often
among the classes that look alike. Response times are ACT-R's latency (Anderson and Lebiere, 1998),
t0 + F / (1 + S), times lognormal noise (van der Linden 2006). A trial teaches nothing about other
classes, so that contrast pairs have no advantage of their own here. 40 trials are read a day.

The constants are guesses, set once and fitted to no data. In the usual setting and random order
accuracy is 0.38 on the first trial, 0.85 in trials 31 to 40 and 0.97 after 240. Trainees learn
more slowly (Pusic 2011: steepest at 21 to 50 cases): see `slow learner`.

A criterion of the last answers is reached sooner by whatever order asks for the missing class,
learning or not: setting `no learning` shows how much of a difference is that alone.
"""

import argparse
import json
import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from octtutor.core.answer import Answer
from octtutor.core.case import Case
from octtutor.core.diagnosis import LABELS, Diagnosis
from octtutor.core.quiz import CaseOrder
from octtutor.core.schedule import (
    MASTERED,
    MASTERY_ERROR,
    NOT_YET,
    SURPRISE,
    USUAL,
    draw_unseen,
    mastery,
    next_case,
)

CNV, DME, DRUSEN, NORMAL = LABELS
PER_CLASS = 150
A_DAY = 40
QUIZ = 20
PAUSE_S = 15.0
"""From an answer to the next scan."""
ALIKE = {
    CNV: {DME: 3, DRUSEN: 4, NORMAL: 1},
    DME: {CNV: 4, DRUSEN: 1, NORMAL: 2},
    DRUSEN: {CNV: 3, DME: 1, NORMAL: 4},
    NORMAL: {CNV: 1, DME: 2, DRUSEN: 4},
}
"""How often a guess goes to which wrong class, in parts; a right guess weighs `RIGHT_GUESS`."""
RIGHT_GUESS = 3
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
BOUND = math.log((1 - MASTERY_ERROR) / MASTERY_ERROR)
RIGHT_STEP = math.log(MASTERED / NOT_YET)
WRONG_STEP = math.log((1 - MASTERED) / (1 - NOT_YET))

Order = Callable[[Sequence[Case], Sequence[Answer], Sequence[str], random.Random], Case]


@dataclass(frozen=True, slots=True)
class Setting:
    """The learner's constants, and what this setting is for."""

    about: str
    gain: float = 1.8
    """c: what practice brings."""
    decay: float = 0.15
    """d: how it fades; 0: never."""
    start: float = -2.0
    """Mean ability, log-odds."""
    spread: float = 0.5
    """Standard deviation of ability, of a class's difficulty for a learner, and of a scan's."""
    harder: tuple[float, float, float, float] = (0.0, 0.0, 0.7, -0.7)
    """Difficulty of the classes in LABELS order, log-odds."""
    quickest_s: float = 4.0
    slower_s: float = 25.0
    noise: float = 0.35


SETTINGS = {
    "usual": Setting("classes of unequal difficulty, with forgetting"),
    "slow learner": Setting("as usual, learns more slowly", gain=1.2),
    "fast learner": Setting("as usual, learns faster", gain=2.6),
    "no forgetting": Setting("as usual, but nothing fades", decay=0.0),
    "equal classes": Setting(
        "all classes and learners alike", spread=0.0, harder=(0.0, 0.0, 0.0, 0.0)
    ),
    "no learning": Setting(
        "knows 9 of 10 from the start and stays so: the criterion alone",
        gain=0.0,
        start=2.2,
        spread=0.0,
        harder=(0.0, 0.0, 0.0, 0.0),
        slower_s=4.0,
    ),
}


class Learner:
    """A simulated reader, and when it saw which class."""

    def __init__(self, setting: Setting, rng: random.Random) -> None:
        """Draw its ability and what it finds hard."""
        self.setting = setting
        ability = rng.gauss(setting.start, setting.spread)
        self.ease = {
            label: ability - harder - rng.gauss(0, setting.spread)
            for label, harder in zip(LABELS, setting.harder, strict=True)
        }
        self.trials: dict[Diagnosis, list[float]] = {label: [] for label in LABELS}

    def strength(self, label: Diagnosis, minute: float) -> float:
        """Return S of a class at a time in minutes."""
        decay = self.setting.decay
        return math.fsum(max(minute - then, 0.25) ** -decay for then in self.trials[label])

    def knows(self, label: Diagnosis, minute: float, harder: float = 0.0) -> float:
        """Return the chance of knowing a scan, without guessing."""
        practice = self.setting.gain * math.log1p(self.strength(label, minute))
        return 1 / (1 + math.exp(harder - self.ease[label] - practice))

    def answers(
        self, case: Case, minute: float, harder: float, rng: random.Random
    ) -> tuple[Diagnosis, float]:
        """Read a scan: the choice and the seconds it took; then see the truth."""
        known = rng.random() < self.knows(case.label, minute, harder)
        guess = {**ALIKE[case.label], case.label: RIGHT_GUESS}
        choice = case.label if known else rng.choices(list(guess), list(guess.values()))[0]
        slow = self.setting.slower_s / (1 + self.strength(case.label, minute))
        seconds = (self.setting.quickest_s + slow) * rng.lognormvariate(0, self.setting.noise)
        self.trials[case.label].append(minute)
        return choice, seconds


@dataclass(frozen=True, slots=True)
class Course:
    """How one learner fared in one order."""

    trials: int
    """To mastery, or the limit."""
    mastered: bool
    retained: float
    """Mean chance of knowing a scan of each class a week after the trial `budget`."""
    guessed: float
    """Share of trials in which the class shown longest ago came: what who only counts guesses."""


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--learners", type=int, default=200, help="a setting, at least 2")
    parser.add_argument("--seed", type=int, default=2016)
    parser.add_argument("--limit", type=int, default=400, help="trials at most, default 400")
    parser.add_argument("--budget", type=int, default=100, help="trials before the delayed test")
    parser.add_argument("--surprise", type=float, default=SURPRISE, help="share of random classes")
    parser.add_argument("--delay", type=int, default=USUAL.delay, help="D, default 1; published: 2")
    parser.add_argument("--mastery", action="store_true", help="operating characteristics of it")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="names, by commas")
    arguments = parser.parse_args()
    if arguments.mastery:
        print_mastery()
        return
    names = arguments.settings.split(",")
    if arguments.learners < 2 or not set(names) <= set(SETTINGS):
        parser.error(f"2 learners or more, and settings of: {', '.join(SETTINGS)}")
    figures = simulate(arguments, names)
    print(json.dumps(figures, indent=2)) if arguments.json else print_table(figures)


def simulate(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Run every setting and return its figures."""
    settings = {name: compare(SETTINGS[name], arguments) for name in names}
    lost = [f"{name}: {key}" for name, figures in settings.items() for key in not_better(figures)]
    return {
        "simulation": True,
        "learner": "DASH[ACT-R], Lindsey et al. 2014; constants assumed, fitted to no data",
        "seed": arguments.seed,
        "learners": arguments.learners,
        "limit": arguments.limit,
        "budget": arguments.budget,
        "surprise": arguments.surprise,
        "delay": arguments.delay,
        "settings": settings,
        "adaptive_not_better": lost,
    }


def not_better(figures: dict[str, Any]) -> list[str]:
    """Return the figures whose interval is not wholly on the adaptive order's side."""
    smaller_is_better = ("trials_to_mastery", "class_shown_longest_ago_comes")
    worse = [key for key in smaller_is_better if figures[key]["difference"]["ci95"][1] >= 0]
    kept = "retained_a_week_later"
    return worse + [kept] * (figures[kept]["difference"]["ci95"][0] <= 0)


def compare(setting: Setting, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let the same learners run both courses; differences are adaptive minus random."""
    arts = replace(USUAL, delay=arguments.delay)

    def adaptive(
        cases: Sequence[Case], history: Sequence[Answer], seen: Sequence[str], rng: random.Random
    ) -> Case:
        return next_case(cases, history, seen, rng, arts=arts, surprise=arguments.surprise)

    courses: dict[str, list[Course]] = {CaseOrder.ADAPTIVE: [], CaseOrder.BALANCED: []}
    for number in range(arguments.learners):
        seed = arguments.seed * 1_000_003 + number
        for name, order in ((CaseOrder.ADAPTIVE, adaptive), (CaseOrder.BALANCED, Quizzes())):
            courses[name].append(
                course(order, setting, seed, max(1, arguments.limit), max(1, arguments.budget))
            )
    ours, theirs = courses[CaseOrder.ADAPTIVE], courses[CaseOrder.BALANCED]
    return {
        "about": setting.about,
        "trials_to_mastery": paired([c.trials for c in ours], [c.trials for c in theirs]),
        "mastered": {"adaptive": share(ours), "random": share(theirs)},
        "retained_a_week_later": paired([c.retained for c in ours], [c.retained for c in theirs]),
        "class_shown_longest_ago_comes": paired(
            [c.guessed for c in ours], [c.guessed for c in theirs]
        ),
    }


class Quizzes:
    """The random order: quizzes of 20 by `draw_unseen`, one after the other."""

    def __init__(self) -> None:
        """Start without a quiz."""
        self._left: list[Case] = []

    def __call__(
        self,
        cases: Sequence[Case],
        history: Sequence[Answer],
        seen: Sequence[str],
        rng: random.Random,
    ) -> Case:
        """Return the next case of the quiz, drawing another after the last."""
        if not self._left:
            self._left = list(draw_unseen(cases, QUIZ, seen, rng))
        return self._left.pop()


def course(order: Order, setting: Setting, seed: int, limit: int, budget: int) -> Course:
    """Teach one learner until all is mastered, and at least for `budget` trials."""
    rng = random.Random(seed)
    learner = Learner(setting, rng)
    cases, harder = deck(setting, rng)
    history: list[Answer] = []
    seen: list[str] = []
    minute, mastered_at, retained = 0.0, None, 0.0
    while len(history) < max(limit, budget):
        case = order(cases, history, seen, rng)
        choice, seconds = learner.answers(case, minute, harder[case.sha256], rng)
        minute += (seconds + PAUSE_S) / 60
        history.append(answered(case, choice, seconds, minute, len(history)))
        seen.append(case.sha256)
        if len(history) % A_DAY == 0:
            minute = math.ceil(minute / 1440) * 1440.0
        if len(history) == budget:
            retained = statistics.mean(learner.knows(label, minute + 10080) for label in LABELS)
        if mastered_at is None and all(each.mastered for each in mastery(history, LABELS).values()):
            mastered_at = len(history)
        if mastered_at is not None and len(history) >= budget:
            break
    reached = mastered_at is not None and mastered_at <= limit
    trials = mastered_at if mastered_at is not None and reached else limit
    return Course(trials, reached, retained, longest_ago(history))


def deck(setting: Setting, rng: random.Random) -> tuple[list[Case], dict[str, float]]:
    """Return a deck of made-up scans, each of its own patient, and how hard each is, log-odds."""
    cases = [
        Case(f"{label}-{number}", label, f"{label}-{number}", f"{number}.png")
        for label in LABELS
        for number in range(PER_CLASS)
    ]
    return cases, {case.sha256: rng.gauss(0, setting.spread) for case in cases}


def answered(case: Case, choice: Diagnosis, seconds: float, minute: float, position: int) -> Answer:
    """Return the record of an answer."""
    return Answer(
        attempt_id=f"day {position // A_DAY}",
        position=position % A_DAY,
        trainee_id="simulated",
        sha256=case.sha256,
        truth=case.label,
        choice=choice,
        confidence=3,
        response_ms=round(1000 * seconds),
        answered_at=START + timedelta(minutes=minute),
        deck="simulated",
        quiz="simulated",
        quiz_version="1",
    )


def longest_ago(history: Sequence[Answer]) -> float:
    """Return in which share of trials the class shown longest ago came."""
    line: list[Diagnosis] = []
    hits, trials = 0, 0
    for answer in history:
        if len(line) == len(LABELS):
            trials += 1
            hits += answer.truth == line[0]
        line = [label for label in line if label != answer.truth] + [answer.truth]
    return hits / trials if trials else 0.0


def share(courses: Sequence[Course]) -> float:
    """Return the share of learners who mastered all classes within the limit."""
    return statistics.mean(each.mastered for each in courses)


def paired(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Return both means and the mean difference with its 95 % interval (normal, paired)."""
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    mean = statistics.fmean(differences)
    half = 1.96 * statistics.stdev(differences) / math.sqrt(len(differences))
    return {
        "adaptive": statistics.fmean(ours),
        "random": statistics.fmean(theirs),
        "difference": {"mean": mean, "ci95": [mean - half, mean + half], "n": len(differences)},
    }


def called_mastered(skill: float, within: int) -> float:
    """Return how often a reader of a fixed skill is called master of a class within n answers.

    Exact: the test depends on right and wrong answers since it began alone.
    """
    under_way, called = {(0, 0): 1.0}, 0.0
    for _ in range(within):
        after: dict[tuple[int, int], float] = {}
        for (good, bad), chance in under_way.items():
            for right, share in ((True, skill), (False, 1 - skill)):
                now = good + right, bad + (not right)
                ratio = now[0] * RIGHT_STEP + now[1] * WRONG_STEP
                if ratio >= BOUND:
                    called += chance * share
                else:
                    now = (0, 0) if ratio <= -BOUND else now
                    after[now] = after.get(now, 0.0) + chance * share
        under_way = after
    return called


def five_in_a_row(skill: float, within: int) -> float:
    """Return how often five right in a row come within n answers: the rule of octtutor 0.1."""
    runs, called = [1.0, 0.0, 0.0, 0.0, 0.0], 0.0
    for _ in range(within):
        called += runs[4] * skill
        runs = [sum(runs) * (1 - skill), *(chance * skill for chance in runs[:4])]
    return called


def print_mastery() -> None:
    """Print the operating characteristics of `mastery`, and of five right in a row."""
    print(f"Called master, test of {NOT_YET} against {MASTERED}, error {MASTERY_ERROR}:")
    print(f"{'reads rightly':<16}{'in 20':>8}{'in 60':>8}{'in 200':>8}   five in a row, in 20")
    for skill in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99):
        row = "".join(f"{called_mastered(skill, within):>8.3f}" for within in (20, 60, 200))
        print(f"{skill:<16}{row}   {five_in_a_row(skill, 20):.3f}")


def print_table(figures: dict[str, Any]) -> None:
    """Print a row a setting and figure."""
    print(
        f"SIMULATION, {figures['learners']} learners a setting, seed {figures['seed']}, "
        f"at most {figures['limit']} trials; {figures['learner']}"
    )
    rows = (
        ("trials to mastery", "trials_to_mastery", ".1f"),
        (f"knows, a week after {figures['budget']} trials", "retained_a_week_later", ".3f"),
        ("class shown longest ago comes", "class_shown_longest_ago_comes", ".3f"),
    )
    for name, each in figures["settings"].items():
        mastered = each["mastered"]
        print(f"\n{name}: {each['about']}")
        print(f"  {'':<36}{'adaptive':>10}{'random':>10}   difference (95 % interval)")
        print(f"  {'mastered all':<36}{mastered['adaptive']:>10.3f}{mastered['random']:>10.3f}")
        for title, key, form in rows:
            row = each[key]
            low, high = row["difference"]["ci95"]
            change = f"{row['difference']['mean']:+{form}} ({low:+{form}} to {high:+{form}})"
            print(f"  {title:<36}{row['adaptive']:>10{form}}{row['random']:>10{form}}   {change}")
    lost = figures["adaptive_not_better"]
    print("\nWhere the adaptive order is not better (interval not wholly on its side):")
    print("\n".join(f"  {each}" for each in lost) or "  none of these")


if __name__ == "__main__":
    main()
