"""A policy in, gRPC calls let through, refused or counted, on both sides of a call."""
