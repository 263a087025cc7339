"""Where tables live and SQL runs: DuckDB, embedded. Only this folder knows a database."""
