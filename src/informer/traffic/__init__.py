"""Calls, chains and members in; traffic per pattern, rpc and step out, with the seen mask."""
