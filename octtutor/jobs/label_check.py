"""The labels of a deck that a cross-validated network doubts, reckoned once and kept."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

from octtutor.datasets.images import write_atomically
from octtutor.model.network.backend import import_keras_quietly
from octtutor.settings import Settings
from octtutor.tutor.decks.training_lists import Progress, TrainingScans
from octtutor.tutor.ports import DeckLabelIssue

_log = logging.getLogger(__name__)


class KeptLabelChecks:
    """See `octtutor.tutor.ports.LabelCheck`; kept beside the list of the deck's scans."""

    def __init__(self, scans: TrainingScans, settings: Settings) -> None:
        """Take what lists decks, and where the data home is."""
        self._scans, self._settings = scans, settings
        self._held: dict[Path, tuple[DeckLabelIssue, ...]] = {}

    def look(self, deck: str, progress: Progress | None = None) -> tuple[DeckLabelIssue, ...]:
        """Cross-validate over a deck, unless it was done since the deck last changed.

        Args:
            deck: its name.
            progress: called with (done, total) scans while their features are computed.

        Returns:
            All its readable scans, the most doubtful first.

        Raises:
            BadInputError: the deck has no scans, or too few classes or patients.
            SettingsError: the features or the list cannot be written.
        """
        listing = self._scans.listing([deck])
        kept = self._recall(listing)
        if not kept:
            kept = self._doubt(deck, listing, progress)
            text = json.dumps([asdict(each) for each in kept])
            write_atomically(_beside(listing), text.encode())
        return kept

    def recall(self, deck: str) -> tuple[DeckLabelIssue, ...]:
        """Return what `look` found for a deck as it is now; empty where nobody has looked."""
        return self._recall(self._scans.listing([deck]))

    def _recall(self, listing: Path) -> tuple[DeckLabelIssue, ...]:
        if listing not in self._held:
            try:
                kept = json.loads(_beside(listing).read_text("utf-8"))
                self._held[listing] = tuple(DeckLabelIssue(**each) for each in kept)
            except FileNotFoundError:
                return ()
            except (OSError, ValueError, TypeError):
                _log.warning("kept doubts are damaged and are reckoned anew")
                return ()
        return self._held[listing]

    def _doubt(
        self, deck: str, listing: Path, progress: Progress | None
    ) -> tuple[DeckLabelIssue, ...]:
        import_keras_quietly()
        from octtutor.jobs.planning import open_cache, open_frozen
        from octtutor.model.measure.label_issues import find_label_issues, read_rows

        frozen = open_frozen("lite0", "imagenet", None, None, self._settings)
        cache, naming = open_cache(self._settings), self._scans.naming([deck])
        scans, rows = read_rows(listing, frozen, cache, progress, naming)
        return tuple(
            DeckLabelIssue(
                each.name,
                each.sha256,
                str(each.label),
                str(each.likely),
                each.self_confidence,
                each.suspect,
            )
            for each in find_label_issues(scans, rows).ranked
        )


def _beside(listing: Path) -> Path:
    return listing.with_suffix(".doubts.json")
