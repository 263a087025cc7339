"""Engines that are no part of Informer, set up on this machine for measurements and tests."""
