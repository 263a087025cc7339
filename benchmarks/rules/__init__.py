"""Policies and streams of calls to try them on."""
