"""The words of Informer: tables, types, ports, clock and errors. Imports nothing of ours."""
