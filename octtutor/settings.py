"""Where things are and what may be used, read once from the surroundings."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from octtutor.errors import SettingsError

DEFAULT = "default"
"""The name of the model in use."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The program's surroundings."""

    home: Path
    database_url: str
    model: str
    shipped: Path
    """The folder that holds the shipped `models/` and `quizzes/`."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read OCTTUTOR_HOME, OCTTUTOR_DATABASE_URL and OCTTUTOR_MODEL; nothing is written."""
        home = Path(env.get("OCTTUTOR_HOME") or _default_home()).expanduser().absolute()
        url = env.get("OCTTUTOR_DATABASE_URL") or f"sqlite:///{home / 'octtutor.db'}"
        return cls(home, url, env.get("OCTTUTOR_MODEL") or DEFAULT, _shipped())

    @property
    def images(self) -> Path:
        """Imported scans, content-addressed."""
        return self.home / "images"

    @property
    def predictions(self) -> Path:
        """What models answered, by model and scan."""
        return self.home / "predictions"

    @property
    def model_folders(self) -> tuple[Path, ...]:
        """Where models are looked for: the user's first, then the shipped ones."""
        return (self.home / "models", self.shipped / "models")

    def make_home(self) -> None:
        """Make the data home and check that it can be written.

        Raises:
            SettingsError: it cannot.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.home):
                pass
        except OSError as error:
            raise SettingsError(
                f"Expected a data home that can be written. {str(self.home)!r} cannot "
                f"({error.strerror}). Set OCTTUTOR_HOME to a folder you may write."
            ) from error


def _default_home() -> str:
    import platformdirs

    return platformdirs.user_data_dir("octtutor", appauthor=False)


def _shipped() -> Path:
    package = Path(__file__).parent
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent
