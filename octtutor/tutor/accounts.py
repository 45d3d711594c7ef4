"""Accounts of educators: added and removed at the machine, signed in to on the page."""

import hashlib
import ipaddress
import secrets
import threading
import unicodedata
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from octtutor.core.educator import AT_THE_MACHINE, REMEMBERED, Educator, Guess, SignIn
from octtutor.errors import BadInputError, NotAllowedError, TooManyGuessesError
from octtutor.store.contract import PeopleStore
from octtutor.tutor.ports import Clock

SESSION = timedelta(hours=12)
LEAST_PASSWORD, MOST_PASSWORD = 10, 200
HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
"""Argon2id as RFC 9106 recommends for 64 MiB of memory; about 0.2 s."""
HASH_OF_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$ls/Wrzei1CP9fh5VYeAdBQ"
    "$fS+vjUkM0gxll+6qIAlVF+4uOeACA4hiHFVkPDh1oj8"
)
"""Checked in place of an unknown name's hash, so that the time tells nothing."""
_MARKS = "._-@"


class Educators:
    """Adds, removes and signs in educators."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        """Take the records and a clock."""
        self._store, self._clock = store, clock
        self._hashing = threading.BoundedSemaphore(2)  # each takes 64 MiB

    def add(self, name: str, password: str) -> Educator:
        """Add an educator; from now on nobody is one without signing in.

        Args:
            name: letters, digits and `._-@`; kept in small letters.
            password: 10 to 200 characters; only its argon2 hash is kept.

        Raises:
            BadInputError: the name or the password is of no use.
            StaleError: the name is taken.
        """
        educator = Educator(_check_name(name), self._clock())
        _check_password(password, educator.name)
        with self._hashing:
            hashed = HASHER.hash(_plain(password))
        self._store.add_educator(educator, hashed)
        return educator

    def all(self) -> tuple[Educator, ...]:
        """Return all educators by name."""
        return self._store.educators()

    def are_none(self) -> bool:
        """Whether there is no educator yet."""
        return not self._store.has_educators()

    def remove(self, name: str) -> None:
        """Remove an educator and end their sign-ins, at once.

        Raises:
            StoreError: there is none of this name.
        """
        self._store.remove_educator(_fold(name))
        self._store.forget_addresses(digest(_fold(name)))

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Check a password.

        Args:
            name: the educator's.
            password: what was typed.
            address: where it came from, an IP address.

        Returns:
            A token that names the educator for 12 hours.

        Raises:
            NotAllowedError: name or password is wrong.
            TooManyGuessesError: there were too many wrong ones for this name from this address.
                The password was not looked at, unless its owner has signed in from there before.
        """
        folded, now = _fold(name), self._clock()
        guess = Guess(digest(folded), network(address), now)
        wait = self._store.admit_guess(guess, now - REMEMBERED)
        may_be_right = not wait or self._store.knows_address(guess.who, guess.address)
        if not (may_be_right and self._is_right(folded, password)):
            if wait:
                raise TooManyGuessesError("wrong passwords", wait)
            raise NotAllowedError("Name or password is wrong. Check both, then try again.")
        self._store.forget_guesses(guess.who, guess.address)
        self._store.remember_address(guess.who, guess.address)
        token = secrets.token_urlsafe(32)
        self._store.add_sign_in(SignIn(digest(token), folded, now, now + SESSION))
        return token

    def whoami(self, token: str | None) -> Educator | None:
        """Return whose token this is, None when it is nobody's, ended or expired."""
        found = self._store.find_sign_in(digest(token)) if token else None
        if found is None or found[0].expires_at <= self._clock():
            return None
        return found[1]

    def sign_out(self, token: str | None) -> None:
        """End a sign-in; does nothing when there is none."""
        if token:
            self._store.end_sign_in(digest(token))

    def person_at_the_machine(self) -> Educator | None:
        """Return who the person at the machine is: the educator, while there is no account."""
        return Educator(AT_THE_MACHINE, self._clock()) if self.are_none() else None

    def _is_right(self, name: str, password: str) -> bool:
        known = self._store.find_password_hash(name) if _is_name(name) else None
        with self._hashing:
            matches = _verify(known or HASH_OF_NOBODY, password)
        return matches and known is not None


def network(address: str) -> str:
    """Return what guesses are counted by: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped
        return str(inner or ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _verify(hashed: str, password: str) -> bool:
    if len(password) > MOST_PASSWORD:
        return False
    try:
        return HASHER.verify(hashed, _plain(password))
    except (VerificationError, InvalidHashError):
        return False


def _check_name(name: str) -> str:
    folded = _fold(name)
    if not _is_name(folded):
        raise BadInputError(
            f"Expected a name of letters, digits and {_MARKS}, at most 64. Received "
            f"{name[:80]!r}. Take another."
        )
    return folded


def _is_name(folded: str) -> bool:
    return 1 <= len(folded) <= 64 and all(c.isalnum() or c in _MARKS for c in folded)


def _check_password(password: str, name: str) -> None:
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise BadInputError(
            f"Expected a password of {LEAST_PASSWORD} to {MOST_PASSWORD} characters. Received "
            f"{len(password)}. Take another, several words for example."
        )
    if _fold(password) == name or len(set(password)) < 4:
        raise BadInputError(
            "Expected a password that is not the name and has 4 different characters or more. "
            "Received one that is easily guessed. Take another, several words for example."
        )


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _plain(password: str) -> bytes:
    """Keyboards differ in how they put accents together; the characters are the same."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def digest(text: str) -> str:
    """Return the SHA-256 of a text, hex: by it names and tokens are kept that shall not be read."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
