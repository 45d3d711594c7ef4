"""Figures of studies with several readers, and of the cases that they read."""
