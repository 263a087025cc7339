"""Patterns, series and incidents in; pages a person reads out. Draws, decides nothing."""
