"""`informer.toml` in; a checked configuration out. Fails at start, all of it, never after."""
