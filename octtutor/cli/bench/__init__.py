"""`octtutor bench …`."""
