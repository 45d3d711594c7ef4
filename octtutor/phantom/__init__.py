"""Synthetic OCT scans with exact lesion masks, for teaching without patients' data."""

from octtutor.phantom.deck import CaseRow, write_deck
from octtutor.phantom.difficulty import Difficulty, label_of
from octtutor.phantom.lesions import Finding
from octtutor.phantom.scan import Phantom, make

__all__ = ["CaseRow", "Difficulty", "Finding", "Phantom", "label_of", "make", "write_deck"]
