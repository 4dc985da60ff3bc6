"""Adapters to model families; only here may a neural runtime be imported, and only when it is used."""
