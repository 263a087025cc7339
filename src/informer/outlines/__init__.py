"""Spans to outlines: what a trace looks like by its links, counted before any call is climbed."""
