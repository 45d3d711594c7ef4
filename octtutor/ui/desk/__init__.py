"""The reading desk: cases of every kind of quiz are read here."""
