"""The pages: served from memory, under a path that names their content, so that browsers may keep them for good."""

from sideman.faces.web.pages import install

__all__ = ["install"]
