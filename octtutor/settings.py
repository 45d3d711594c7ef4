"""Where things are and what may be used, read once from the surroundings."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from octtutor.errors import SettingsError
from octtutor.limits import MAX_EDUCATOR_UPLOAD_BYTES

_SITE = re.compile(r"\*|https?://[A-Za-z0-9.*-]+(:\d{1,5})?")
DEFAULT = "default"
"""The name of the model in use."""

AUTO, OPENVINO, KERAS = "auto", "openvino", "keras"
"""What may run networks; `auto` chooses one of the others."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The program's surroundings."""

    home: Path
    database_url: str
    model: str
    shipped: Path
    """The folder that holds the shipped `models/` and `quizzes/`."""
    features_bytes: int = 20 * 10**9
    """Size cap of the feature cache, bytes."""
    max_upload: int = MAX_EDUCATOR_UPLOAD_BYTES
    """Bytes that an educator may upload at once."""
    trusted_proxies: str = ""
    """Addresses and networks of proxies, by commas, whose X-Forwarded-For is believed."""
    frame_ancestors: str = "'self'"
    """Sites that may frame the trainees' page, as a Content-Security-Policy has them."""
    engine: str = AUTO
    """What runs networks: `openvino`, `keras`, or `auto`."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the variables OCTTUTOR_…; nothing is written.

        Raises:
            SettingsError: a value cannot be what it stands for.
        """
        home = Path(env.get("OCTTUTOR_HOME") or _default_home()).expanduser().absolute()
        return cls(
            home,
            env.get("OCTTUTOR_DATABASE_URL") or f"sqlite:///{home / 'octtutor.db'}",
            env.get("OCTTUTOR_MODEL") or DEFAULT,
            _shipped(),
            _read_cap(env.get("OCTTUTOR_FEATURES_GB") or "20"),
            _bytes(env.get("OCTTUTOR_MAX_UPLOAD")),
            _networks(env.get("OCTTUTOR_TRUSTED_PROXIES") or ""),
            _sites(env.get("OCTTUTOR_FRAME_ANCESTORS") or ""),
            _read_engine(env.get("OCTTUTOR_ENGINE") or AUTO),
        )

    @property
    def images(self) -> Path:
        """Imported scans, content-addressed."""
        return self.home / "images"

    @property
    def features(self) -> Path:
        """What frozen backbones made of scans, by backbone."""
        return self.home / "features"

    @property
    def predictions(self) -> Path:
        """What models answered, by model and scan."""
        return self.home / "predictions"

    @property
    def jobs(self) -> Path:
        """Training runs, a folder each."""
        return self.home / "jobs"

    @property
    def listings(self) -> Path:
        """What training runs were given to train and to measure on."""
        return self.home / "listings"

    @property
    def fetching(self) -> Path:
        """Public sets that are being fetched, a folder each."""
        return self.home / "fetching"

    @property
    def public_sets(self) -> Path:
        """The user's own registry of public sets, where there is one."""
        return self.home / "public-sets.toml"

    @property
    def schemes(self) -> Path:
        """The user's own schemes; one takes the place of a shipped one of its name."""
        return self.home / "schemes"

    @property
    def model_folders(self) -> tuple[Path, ...]:
        """Where models are looked for: the user's first, then the shipped ones."""
        return (self.home / "models", self.shipped / "models")

    @property
    def quiz_folders(self) -> tuple[Path, ...]:
        """Where quizzes are looked for: the user's first, then the shipped ones."""
        return (self.home / "quizzes", self.shipped / "quizzes")

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


def _read_engine(text: str) -> str:
    if text not in (AUTO, OPENVINO, KERAS):
        raise SettingsError(
            f"Expected {AUTO}, {OPENVINO} or {KERAS} in OCTTUTOR_ENGINE. Received {text[:40]!r}."
        )
    return text


def _read_cap(text: str) -> int:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e6:
        raise SettingsError(
            f"Expected gigabytes in OCTTUTOR_FEATURES_GB, above 0. Received {text[:40]!r}."
        )
    return int(size * 1e9)


def _networks(text: str) -> str:
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            ip_network(part, strict=False)
        except ValueError as error:
            raise SettingsError(
                "Expected addresses or networks of proxies in OCTTUTOR_TRUSTED_PROXIES, by commas. "
                f"Received {part[:60]!r}. Write for example 127.0.0.1,10.0.0.0/8."
            ) from error
    return text


def _sites(text: str) -> str:
    for site in text.split():
        if not _SITE.fullmatch(site):
            raise SettingsError(
                "Expected sites in OCTTUTOR_FRAME_ANCESTORS, by spaces. Received "
                f"{site[:60]!r}. Write for example https://teaching.example, or *."
            )
    return " ".join(("'self'", *text.split()))


def _default_home() -> str:
    import platformdirs

    return platformdirs.user_data_dir("octtutor", appauthor=False)


def _shipped() -> Path:
    package = Path(__file__).parent
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent


def _bytes(text: str | None) -> int:
    if not text:
        return MAX_EDUCATOR_UPLOAD_BYTES
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SettingsError(
            f"Expected a number of bytes in OCTTUTOR_MAX_UPLOAD. Received {text[:40]!r}. Write "
            f"for example {MAX_EDUCATOR_UPLOAD_BYTES}."
        )
    return int(text)
