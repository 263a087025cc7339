"""A policy in; for every edge the order and the place of its rules out, and why not another."""
