"""The code of a session: short, unforeseeable, forgiving of how it is typed."""

import secrets
import unicodedata

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0 and O, 1, I and L, and U, which are taken for others."""
LENGTH = 6
"""Characters of a code: 729 million of them."""


def draw_code() -> str:
    """Return a code that nobody can foresee."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def tidy(code: str) -> str:
    """Return a code as it was meant: capital letters and digits, whatever was typed between."""
    wide = unicodedata.normalize("NFKC", code[:64]).upper()
    return "".join(letter for letter in wide if letter.isalnum())[:16]
