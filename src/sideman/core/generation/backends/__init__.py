"""Engines other than the session band, each chosen by name."""
