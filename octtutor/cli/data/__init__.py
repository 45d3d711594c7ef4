"""`octtutor data …`, `phantom …`."""
