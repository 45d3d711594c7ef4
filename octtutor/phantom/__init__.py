"""Synthetic OCT scans with exact lesion masks, for teaching without patients' data."""

from octtutor.phantom.deck import write_deck
from octtutor.phantom.deck_table import CaseRow
from octtutor.phantom.difficulty import Difficulty, label_of
from octtutor.phantom.finding import Finding
from octtutor.phantom.synthetic_scan import Phantom, make

__all__ = ["CaseRow", "Difficulty", "Finding", "Phantom", "label_of", "make", "write_deck"]
