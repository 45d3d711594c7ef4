"""Records: five small contracts, with SQL (SQLite, PostgreSQL) behind them."""
