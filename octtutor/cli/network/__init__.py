"""`octtutor train|evaluate|predict|explain`, `models …`, `jobs …`, `cache …`."""
