"""The game "Real or synthetic?" at the end of the tab Learn."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from octtutor.store.contract import Store
from octtutor.tutor.guessing import Card, Score, deal, score
from octtutor.tutor.ports import Images
from octtutor.ui.browser import Browser, trainee_of
from octtutor.ui.desk import QUIET, told
from octtutor.ui.figures import number
from octtutor.ui.pictures import scan_uri
from octtutor.ui.texts import GUESS


@dataclass(frozen=True, slots=True)
class Round:
    """A round under way; it stays on the server."""

    cards: tuple[Card, ...]
    guesses: tuple[bool, ...] = ()

    @property
    def card(self) -> Card | None:
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
            return None, f"<p>{GUESS['examined']}</p>"
        dealt = Round(deal(self._store, self._draw_seed()))
        return dealt, self._asked(dealt, "")

    def guess(self, dealt: Round | None, synthetic: bool) -> tuple[Round | None, str]:
        """Take a guess, say what was right, and show the next scan or the score."""
        if dealt is None or (card := dealt.card) is None:
            return None, f"<p>{GUESS['lost']}</p>"
        after = replace(dealt, guesses=(*dealt.guesses, synthetic))
        key = ("hit_" if synthetic is card.synthetic else "miss_") + (
            "drawn" if card.synthetic else "taken"
        )
        return after, self._asked(after, GUESS[key])

    def _asked(self, dealt: Round, before: str) -> str:
        if dealt.card is None:
            return f"{_line(before)}{score_html(score(dealt.cards, dealt.guesses))}"
        picture = scan_uri(self._images.read(dealt.card.sha256))
        place = GUESS["place"].format(n=len(dealt.guesses) + 1, of=len(dealt.cards))
        return (
            f"<div class='guess'>{_line(before)}<img src='{picture}' alt='{GUESS['alt']}'>"
            f"<p>{place}</p></div>"
        )


def score_html(found: Score) -> str:
    """Draw how a round went; n, interval and method on hover."""
    rows = "".join(
        f"<li>{GUESS[key]}: <abbr title='{escape(f'n = {figure.n}, {figure.method}')}'>"
        f"{number(figure)}</abbr></li>"
        for key, figure in (
            ("right", found.right),
            ("caught", found.caught),
            ("trusted", found.trusted),
        )
    )
    return f"<div class='guess' role='status'><ul>{rows}</ul><p>{GUESS['chance']}</p></div>"


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
        return _shown(*told(lambda: handlers.begin(kept)))

    def guess(synthetic: bool) -> Callable[[Any], tuple[Any, ...]]:
        return lambda at: _shown(*told(lambda: handlers.guess(at, synthetic)))

    begin.click(start, [browser], filled, **QUIET)
    real.click(guess(False), [dealt], filled, **QUIET)
    drawn.click(guess(True), [dealt], filled, **QUIET)


def _shown(dealt: Round | None, html: str) -> tuple[Any, ...]:
    goes_on = dealt is not None and dealt.card is not None
    return dealt, html, gr.Row(visible=goes_on), gr.Button(visible=not goes_on)


def _line(text: str) -> str:
    return f"<p class='guessed' role='status'>{text}</p>" if text else ""
