"""The REST face: HTTP in, use cases called, JSON out."""

from sideman.faces.rest.application import create_application

__all__ = ["create_application"]
