"""What the tab Train's events do, by step. Values in, values out; knows no component."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from octtutor.jobs.queue import Jobs
from octtutor.model.serve.in_use import POINTER
from octtutor.tutor.decks.training_lists import Chosen, Progress, TrainingScans
from octtutor.ui.train.plan_handlers import PlanHandlers
from octtutor.ui.train.publish_handlers import PublishHandlers
from octtutor.ui.train.run_handlers import RunHandlers
from octtutor.ui.train.texts import TRAIN

Choices = list[tuple[str, str]]


class TrainHandlers:
    """The use cases of the tab, for any number of educators at once."""

    def __init__(
        self,
        scans: TrainingScans,
        jobs: Jobs,
        folders: Sequence[Path],
        chosen: str,
        add: Callable[[Any, Progress | None], str],
    ) -> None:
        """Take what the tab works with.

        Args:
            scans: the decks.
            jobs: the runs.
            folders: where models are looked for.
            chosen: `Settings.model`, which wins over what is published.
            add: imports an upload and returns the report.
        """
        self._scans, self.add = scans, add
        self.plan = PlanHandlers(jobs, tuple(folders))
        self.run = RunHandlers(jobs, Path(folders[0]) / POINTER)
        self.publishing = PublishHandlers(jobs, tuple(folders), chosen)

    def decks(self) -> Choices:
        """Return the decks as (what is shown, name)."""
        return [
            (
                TRAIN["count"].format(
                    title=known.deck.title,
                    scans=sum(known.per_class.values()),
                    patients=known.patients,
                ),
                known.deck.name,
            )
            for known in self._scans.decks()
        ]

    def look(self, decks: Any, test: Any, progress: Progress | None = None) -> Chosen:
        """Look through the chosen decks (see `TrainingScans.look`)."""
        names = [str(name) for name in decks] if isinstance(decks, list) else []
        return self._scans.look(names, str(test) if test else None, progress)
