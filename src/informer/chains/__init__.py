"""Spans in; calls, rpcs and the shapes of their chains out."""
