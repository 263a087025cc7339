"""Shapes of chains in; chain patterns, their members and their graphs out."""
