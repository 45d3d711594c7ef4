"""The schemes at hand, read from their folders; a fault in one leaves the others as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from octtutor.core.scheme import OCT2017, Scheme, SchemeVersion
from octtutor.core.schemefile.scheme_reading import SchemeFile, check_mappings, read_scheme
from octtutor.core.tomlfile.fault import Fault
from octtutor.errors import BadInputError
from octtutor.limits import MAX_SCHEME_FILE_BYTES

SHIPPED_SCHEMES = Path(__file__).parents[2] / "schemes"
DEFAULT_SCHEME = "oct2017"
_SUFFIX = ".toml"


Stamp = tuple[tuple[str, int, int], ...]
"""Path, time and size of each file."""


@dataclass(frozen=True, slots=True)
class ListedScheme:
    """A scheme's file as it was found."""

    name: str
    path: Path
    is_own: bool
    """In the user's folder, not shipped."""
    scheme: Scheme | None
    """None where the file has faults of its own; without the mappings that fit no other."""
    faults: tuple[Fault, ...]
    """By line; with a scheme, they are of its mappings only."""


class Schemes:
    """Looks at the files each time, since one's own may have changed; reads them when they have."""

    def __init__(self, own: Path | None = None, shipped: Path = SHIPPED_SCHEMES) -> None:
        """Take the folders; a file of `own` takes the place of a shipped one of its name."""
        self._own, self._shipped = own, shipped
        self._last: tuple[Stamp, tuple[ListedScheme, ...]] | None = None

    def all(self) -> tuple[ListedScheme, ...]:
        """Return all schemes by name, with faults or without."""
        paths, last = self._paths(), self._last
        stamp = tuple(sorted(map(_stamp_of, paths.values())))
        if last is not None and last[0] == stamp:
            return last[1]
        files = self._read_all()
        keys = _keys_of(files)
        found = tuple(self._listed(paths[name], files[name], keys) for name in sorted(files))
        self._last = stamp, found
        return found

    def get(self, name: str) -> Scheme:
        """Return a scheme.

        Raises:
            BadInputError: there is none of this name, or its file has faults.
        """
        found = self.find(name)
        if found is None:
            known = ", ".join(sorted(self._paths()))
            raise BadInputError(
                f"Expected the name of a scheme: {known}. Received {name[:64]!r}. See `octtutor "
                "schemes list`."
            )
        if found.scheme is None:
            raise _refusal(found)
        return found.scheme

    def keys(self) -> dict[str, tuple[str, ...]]:
        """Return the diagnoses' keys of each scheme without faults of its own, by name."""
        return {one.name: one.scheme.keys for one in self.all() if one.scheme}

    def of(self, stamp: SchemeVersion) -> Scheme:
        """Return the scheme that records are of.

        Raises:
            BadInputError: there is none of this name, its file has faults, or is of another
                version.
        """
        scheme = self.get(stamp.name)
        if scheme.version != stamp.version:
            raise BadInputError(
                f"Expected version {stamp.version} of the scheme {stamp.name[:64]!r}: records are "
                f"of it. Received version {scheme.version}. Put that file back, and give other "
                "keys a scheme of another name."
            )
        return scheme

    def find(self, name: str) -> ListedScheme | None:
        """Return the file of a scheme at hand."""
        return next((one for one in self.all() if one.name == name), None)

    def read(self, path: Path) -> ListedScheme:
        """Return a scheme's file from anywhere, its mappings checked against those at hand.

        Raises:
            BadInputError: there is no such file.
        """
        if not path.is_file():
            raise BadInputError(
                f"Expected a scheme's file. There is no file {str(path)[:200]!r}. Give the path "
                "of one, or a scheme's name from `octtutor schemes list`."
            )
        file = _read(path)
        at_hand = self._read_all() | {path.stem: file}
        return self._listed(path, file, _keys_of(at_hand))

    def _listed(
        self, path: Path, file: SchemeFile, keys: dict[str, Sequence[str] | None]
    ) -> ListedScheme:
        file = check_mappings(file, keys)
        is_own = self._own is not None and path.parent.absolute() == self._own.absolute()
        return ListedScheme(path.stem, path, is_own, file.scheme, file.faults)

    def _paths(self) -> dict[str, Path]:
        folders = (self._shipped, self._own) if self._own else (self._shipped,)
        found = [path for folder in folders for path in folder.glob(f"*{_SUFFIX}")]
        return {path.stem: path for path in found if not path.name.startswith(".")}

    def _read_all(self) -> dict[str, SchemeFile]:
        return {name: _read(path) for name, path in self._paths().items()}


def _stamp_of(path: Path) -> tuple[str, int, int]:
    """Return what changes with a file; of one that is gone nothing."""
    try:
        facts = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), facts.st_mtime_ns, facts.st_size


SHIPPED = Schemes()
"""The shipped schemes alone: what there is where no data home is given."""


def _refusal(listed: ListedScheme) -> BadInputError:
    first, *others = listed.faults
    where = f"{listed.path.name}, line {first.line}" if first.line else listed.path.name
    more = f", and {len(others)} more" if others else ""
    return BadInputError(
        f"The scheme {listed.name!r} cannot be used. {where}: {first.what}{more}. `octtutor "
        f"schemes check {listed.name}` lists all faults."
    )


def _read(path: Path) -> SchemeFile:
    try:
        state = path.stat()
    except OSError:
        return _read_anew(path)
    return _read_state(path, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=64)
def _read_state(path: Path, *_: int) -> SchemeFile:
    """Return what a file says as long as it has not been written since."""
    return _read_anew(path)


def _read_anew(path: Path) -> SchemeFile:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SCHEME_FILE_BYTES + 1)
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        return SchemeFile(None, (Fault(0, what),))
    return read_scheme(path.stem, data)


def _keys_of(files: dict[str, SchemeFile]) -> dict[str, Sequence[str] | None]:
    return {name: file.scheme.keys if file.scheme else None for name, file in files.items()}


OCT2017_SCHEME = SHIPPED.of(OCT2017)
"""The scheme of every network, as long as its card names none."""
