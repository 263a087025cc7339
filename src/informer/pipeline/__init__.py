"""The stages put together: learn, detect and decide, from sources to a workspace and incidents."""
