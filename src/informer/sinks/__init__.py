"""Notices of incidents in; told to people and their tools."""
