"""OCT Tutor: learn to read retinal OCT scans. For teaching, not for diagnosis."""

__version__ = "0.1.0"
