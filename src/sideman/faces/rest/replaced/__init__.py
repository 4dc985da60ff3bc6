"""The API of the system that Sideman replaces: its paths, fields and status codes, for clients that were written against it."""
