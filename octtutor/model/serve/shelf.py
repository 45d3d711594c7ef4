"""The models at hand: the one in use, and those that running quizzes began with."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from octtutor.errors import ModelError
from octtutor.model.network.card import CARD, WEIGHTS
from octtutor.model.serve.engine_choice import BY_ITSELF, EngineChoice
from octtutor.model.serve.in_use import POINTER, read_pointer
from octtutor.model.serve.model_registry import SHIPPED, find_model, find_usable, list_models
from octtutor.model.serve.predictor import ModelPredictor, Originals
from octtutor.settings import DEFAULT

_log = logging.getLogger(__name__)
_Sight = dict[Path, tuple[int, int, int] | None]
"""What files looked like: time of change in ns, size and inode of each; None of a missing one."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A predictor, and what its folder looked like when it was made."""

    predictor: ModelPredictor
    sight: _Sight


class ModelShelf:
    """Gives predictors; may be called from any thread.

    Which model is in use is checked at each call, by looking at the dates of a few files: another
    process may have published one. The model in use begins to load when it is first seen; others
    load when they are first asked. At most `keep` stay in memory.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        cache: Path,
        chosen: str = DEFAULT,
        keep: int = 3,
        originals: Originals | None = None,
        choice: EngineChoice = BY_ITSELF,
    ) -> None:
        """Look up the model in use; nothing is loaded yet.

        Args:
            folders: where models are looked for, most important first.
            cache: where models' answers are kept.
            chosen: a model's name or folder that wins over the one in use.
            keep: how many models may be in memory, at least 1.
            originals: gives a scan with its colours by SHA-256, for models that heed them.
            choice: what is to run the networks.

        Raises:
            ModelError: there is no such model, or none at all.
        """
        self._folders, self._cache, self._originals = tuple(folders), cache, originals
        self._chosen, self._keep, self._choice = chosen, max(1, keep), choice
        self._lock = threading.RLock()
        self._held: OrderedDict[Path, _Held] = OrderedDict()
        self._sight: _Sight = {}
        self._current = self._look_up()

    def current(self) -> ModelPredictor:
        """See `Shelf`. A model that turns out unusable gives way to the shipped one."""
        with self._lock:
            if self._sight != _see(self._sight):
                self._renew()
            if self._current.fault:
                self._fall_back_on_shipped()
            self._current.start()
            return self._keep_warm(self._current)

    def recorded(self, name: str | None, sha256: str | None) -> ModelPredictor:
        """See `Shelf`."""
        with self._lock:
            if name is None or sha256 is None:
                return self._keep_warm(self._shipped())
            known = [self._current, *(held.predictor for held in self._held.values())]
            for predictor in known:
                if (predictor.name, predictor.sha256) == (name, sha256) and not predictor.fault:
                    return self._keep_warm(predictor)
            found = self._take(self._find(name, sha256))
            if found.sha256 != sha256:  # reads the card, which binds the predictor to it
                raise _is_gone(name, sha256)
            return self._keep_warm(found)

    def _find(self, name: str, sha256: str) -> Path:
        """Find the folder with these weights: of this name if it can be, else of any."""
        entries = [entry for place in self._folders for entry in list_models((place,))]
        entries.sort(key=lambda entry: entry.name != name)
        for entry in entries:
            if entry.card is not None and entry.card.weights_sha256 == sha256:
                return entry.folder
        raise _is_gone(name, sha256)

    def _look_up(self) -> ModelPredictor:
        """Find the model in use, and note what to look at to see whether it still is."""
        pointer = self._folders[0] / POINTER
        sight = _see([pointer])
        names = {SHIPPED, self._chosen, read_pointer(self._folders[0])[0].name or SHIPPED}
        self._sight = sight | _see(
            file for place in self._folders for name in names for file in _files(place / name)
        )
        return self._take(find_model(self._chosen, self._folders))

    def _renew(self) -> None:
        """Look again which model is in use; where there is none, the present one goes on."""
        try:
            found = self._look_up()
        except ModelError as error:
            _log.warning("%s %r goes on.", error, self._current.name)
            return
        if found is not self._current:
            _log.info("new quizzes get the model %r", found.name)
            self._current = found

    def _fall_back_on_shipped(self) -> None:
        folder, _ = find_usable(SHIPPED, self._folders)
        if self._chosen != DEFAULT or folder in (None, self._current.folder):
            return
        _log.warning("%s %r serves instead.", self._current.fault, SHIPPED)
        self._current = self._shipped()

    def _shipped(self) -> ModelPredictor:
        folder, _ = find_usable(SHIPPED, self._folders)
        if folder is None:
            raise ModelError("Expected the shipped model. It is missing: install octtutor again.")
        return self._take(folder)

    def _take(self, folder: Path) -> ModelPredictor:
        """Return the predictor of a folder; a new one if its files changed or it failed."""
        sight = _see(_files(folder))
        held = self._held.get(folder)
        if held is None or held.sight != sight or held.predictor.fault:
            held = self._held[folder] = _Held(
                ModelPredictor(folder, self._cache, self._originals, self._choice), sight
            )
        return held.predictor

    def _keep_warm(self, predictor: ModelPredictor) -> ModelPredictor:
        """Note that a predictor was asked, and let go of those asked least lately."""
        if predictor.folder in self._held:
            self._held.move_to_end(predictor.folder)
        spare = [
            folder
            for folder, held in self._held.items()
            if held.predictor is not predictor and held.predictor is not self._current
        ]
        for folder in spare[: max(0, len(self._held) - self._keep)]:
            del self._held[folder]
        return predictor


def _is_gone(name: str, sha256: str) -> ModelError:
    return ModelError(
        f"Expected the model {name!r} that this quiz began with (weights {sha256[:12]}…). It is "
        "not among the models any more. The quiz goes on without it; new quizzes get the model "
        "in use."
    )


def _files(folder: Path) -> tuple[Path, Path]:
    return folder / CARD, folder / WEIGHTS


def _see(paths: Iterable[Path]) -> _Sight:
    return {path: _look_at(path) for path in paths}


def _look_at(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
