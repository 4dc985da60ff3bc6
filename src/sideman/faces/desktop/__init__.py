"""The pages in a window of their own."""

from sideman.faces.desktop.window import Remembered, show, show_in_browser, why_no_window

__all__ = ["Remembered", "show", "show_in_browser", "why_no_window"]
