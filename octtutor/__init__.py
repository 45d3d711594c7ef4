"""OCT Tutor."""
