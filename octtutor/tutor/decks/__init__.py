"""Scans become decks: import, endless practice, what decks hold, lists to train on."""
