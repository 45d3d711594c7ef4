"""Records: one contract, with in-memory and SQL (SQLite, PostgreSQL) behind it."""
