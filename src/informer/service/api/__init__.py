"""The HTTP API of a running service: all that the command line does, for programs."""
