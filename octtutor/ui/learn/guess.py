"""The game "Real or synthetic?" at the end of the tab Learn."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from octtutor.reports.markup import hover, library, paragraph
from octtutor.reports.plots import number
from octtutor.store.contract import Store
from octtutor.tutor.atlas.real_or_synthetic import GameCard, Score, deal, score
from octtutor.tutor.ports import Images
from octtutor.ui.desk.desk import QUIET
from octtutor.ui.learn.texts import GUESS
from octtutor.ui.shared.browser import Browser, trainee_of
from octtutor.ui.shared.messages import or_message
from octtutor.ui.shared.pictures import scan_uri

_HTML = library(__file__, "guess.html.j2")


@dataclass(frozen=True, slots=True)
class Round:
    """A round under way; it stays on the server."""

    cards: tuple[GameCard, ...]
    guesses: tuple[bool, ...] = ()

    @property
    def card(self) -> GameCard | None:
        """The scan to be guessed; None after the last."""
        return self.cards[len(self.guesses)] if len(self.guesses) < len(self.cards) else None


class GuessHandlers:
    """What the game's events do. Values in, HTML out."""

    def __init__(
        self,
        store: Store,
        images: Images,
        draw_seed: Callable[[], int],
        is_examined: Callable[[str], bool],
    ) -> None:
        """Take the records, the scans, what draws a round, and who is in an exam just now."""
        self._store, self._images = store, images
        self._draw_seed, self._is_examined = draw_seed, is_examined

    def begin(self, browser: Browser) -> tuple[Round | None, str]:
        """Deal a round and show its first scan."""
        trainee_id = trainee_of(browser)
        if trainee_id and self._is_examined(trainee_id):
            return None, paragraph(GUESS["examined"])
        dealt = Round(deal(self._store, self._draw_seed()))
        return dealt, self._asked(dealt, "")

    def guess(self, dealt: Round | None, synthetic: bool) -> tuple[Round | None, str]:
        """Take a guess, say what was right, and show the next scan or the score."""
        if dealt is None or (card := dealt.card) is None:
            return None, paragraph(GUESS["lost"])
        after = replace(dealt, guesses=(*dealt.guesses, synthetic))
        key = ("hit_" if synthetic is card.synthetic else "miss_") + (
            "drawn" if card.synthetic else "taken"
        )
        return after, self._asked(after, GUESS[key])

    def _asked(self, dealt: Round, before: str) -> Markup:
        line = paragraph(before, "guessed", is_status=True) if before else Markup()
        if dealt.card is None:
            return line + score_html(score(dealt.cards, dealt.guesses))
        picture = scan_uri(self._images.read(dealt.card.sha256))
        place = GUESS["place"].format(n=len(dealt.guesses) + 1, of=len(dealt.cards))
        return Markup(_HTML.asked(line, picture, GUESS["alt"], place))


def score_html(found: Score) -> Markup:
    """Draw how a round went; n, interval and method on hover."""
    lines = [
        (GUESS[key], hover(number(figure), f"n = {figure.n}, {figure.method}"))
        for key, figure in (
            ("right", found.right),
            ("caught", found.caught),
            ("trusted", found.trusted),
        )
    ]
    return Markup(_HTML.score(lines, GUESS["chance"]))


def build_guess(handlers: GuessHandlers, browser: gr.BrowserState) -> None:
    """Lay out the game and connect it. Must be called inside a tab."""
    with gr.Accordion(GUESS["title"], open=False, elem_id="guess-part"):
        gr.Markdown(GUESS["intro"])
        shown = gr.HTML(elem_id="guess", apply_default_css=False)
        with gr.Row(visible=False) as choice:
            real = gr.Button(GUESS["real"], elem_id="guess-real")
            drawn = gr.Button(GUESS["synthetic"], elem_id="guess-synthetic")
        begin = gr.Button(GUESS["begin"], elem_id="guess-begin")
    dealt = gr.State(None)
    filled = [dealt, shown, choice, begin]

    def start(kept: Browser) -> tuple[Any, ...]:
        return _shown(*or_message(lambda: handlers.begin(kept)))

    def guess(synthetic: bool) -> Callable[[Any], tuple[Any, ...]]:
        return lambda at: _shown(*or_message(lambda: handlers.guess(at, synthetic)))

    begin.click(start, [browser], filled, **QUIET)
    real.click(guess(False), [dealt], filled, **QUIET)
    drawn.click(guess(True), [dealt], filled, **QUIET)


def _shown(dealt: Round | None, html: str) -> tuple[Any, ...]:
    goes_on = dealt is not None and dealt.card is not None
    return dealt, html, gr.Row(visible=goes_on), gr.Button(visible=not goes_on)
