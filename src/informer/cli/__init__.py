"""The command line: words in, calls of the pipeline, tables or one JSON document out."""
