"""In: trace files and logs. Out: rows of the `spans` table, method templates, and a check."""
