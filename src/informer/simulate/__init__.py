"""A scenario comes in; labelled spans go out: Parquet files, one a day, and the events in them."""
