"""What a run's model is beside the one in use; publishing it, and going back."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from octtutor.errors import BadInputError, ModelError
from octtutor.jobs.queue import Job, Jobs
from octtutor.model.measure.kept_comparison import DIFFERING, read_comparison
from octtutor.model.publish.publishing import Change, find_earlier, publish, roll_back
from octtutor.model.serve.model_registry import SHIPPED, find_in_use, list_models, override_note
from octtutor.reports.markup import paragraph
from octtutor.ui.shared.run_views import box
from octtutor.ui.shared.wording import share
from octtutor.ui.train.texts import TRAIN
from octtutor.ui.train.views import comparison_view, lines_view


class PublishHandlers:
    """Comparing, publishing and rolling back; which model is in use."""

    def __init__(self, jobs: Jobs, folders: Sequence[Path], chosen: str) -> None:
        """Take the runs, where models are looked for, and `Settings.model`."""
        self._jobs, self._folders, self._chosen = jobs, folders, chosen

    def comparison(self, job_id: Any) -> str:
        """Return a run's comparison with the model that was in use."""
        job = self._find(job_id)
        try:
            measured = read_comparison(job.folder) if job else None
        except BadInputError as error:
            return paragraph(str(error))
        if job is None or measured is None:
            return paragraph(TRAIN["no_comparison"])
        return comparison_view(measured, sorted((job.folder / DIFFERING).glob("*.png")))

    def offer(self, job_id: Any) -> tuple[str, str, bool]:
        """Return what publishing a run's model would mean, a free name, and whether it can be."""
        job = self._find(job_id)
        if job is None or job.model is None or not job.state.outcome:
            return box(paragraph(TRAIN["nothing_to_publish"])), "", False
        figures = job.state.outcome
        what = TRAIN["publish_what"].format(
            run=job.order.title,
            accuracy=share(figures["accuracy"], figures["accuracy_ci"]),
            error=share(figures["weighted_error"], figures["weighted_error_ci"]),
            n=figures["n"],
            patients=figures["patients"],
        )
        lines = [(what, ""), *((line, "bad") for line in (*_warnings(job), *job.order.notes))]
        return lines_view(lines), self.free_name(job.order.title), True

    def in_use(self) -> tuple[str, bool]:
        """Return which model is in use and what rolling back would bring, and whether it can."""
        earlier = find_earlier(self._folders)
        used = find_in_use(self._folders)
        back = TRAIN["back_none"]
        if earlier is not None:
            back = TRAIN["back_to"].format(name=earlier.name or SHIPPED)
        lines = [TRAIN["in_use"].format(name=used.folder.name), back, TRAIN["effect"]]
        lines += [line for line in (used.fault, override_note(self._chosen)) if line]
        return lines_view((line, "") for line in lines), earlier is not None

    def name_in_use(self) -> str:
        """Return the name of the model in use."""
        try:
            return find_in_use(self._folders).folder.name
        except ModelError:
            return "–"

    def free_name(self, wanted: str) -> str:
        """Return a name that no model has, like the one that is wanted."""
        taken = {entry.name.casefold() for entry in list_models(self._folders)}
        names = [wanted, *(f"{wanted[:60]}-{n}" for n in range(2, len(taken) + 3))]
        return next(name for name in names if name.casefold() not in taken)

    def publish(self, job_id: Any, name: Any) -> str:
        """Publish a run's model; return what changed.

        Raises:
            BadInputError: the run has made no model.
            ModelError: see `octtutor.model.publish.publishing.publish`.
        """
        job = self._find(job_id)
        if job is None or job.model is None:
            raise BadInputError(TRAIN["nothing_to_publish"])
        return _changed(publish(job.model, str(name or "").strip(), self._folders))

    def roll_back(self) -> str:
        """Go back to the model before; return what changed."""
        return _changed(roll_back(self._folders))

    def _find(self, job_id: Any) -> Job | None:
        try:
            return self._jobs.get(str(job_id or ""))
        except BadInputError:
            return None


def _changed(change: Change) -> str:
    return TRAIN["changed_to"].format(name=change.name, before=change.before)


def _warnings(job: Job) -> Iterator[str]:
    """Say what speaks against publishing a run's model."""
    measured = None
    try:
        measured = read_comparison(job.folder)
    except BadInputError as error:
        yield str(error)
    if measured and measured.verdict == "worse":
        yield TRAIN["publish_worse"]
    if job.order.leaky or (measured and measured.second.leaky):
        yield TRAIN["publish_leaky"]
