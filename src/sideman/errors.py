"""Every error that Sideman raises on purpose. This module imports nothing.

    SidemanError
    ├── AudioError            the recording itself
    │   ├── UnreadableAudio       not audio, damaged beyond reading, or no such file
    │   ├── NoAudio               readable, but it holds no sound to work on
    │   └── AudioWriteError       a result could not be written
    ├── AnalysisError         the music could not be understood
    │   └── TooShort              too short or too quiet for the question asked
    ├── UsageError            what was asked for does not exist (a style, a stem, a file format)
    ├── MissingAsset          a file that belongs to the installation is not there
    └── Cancelled             the caller stopped the work

A message is one sentence that says what is wrong, with which value, and what to do.
"""

from __future__ import annotations


class SidemanError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 1


class AudioError(SidemanError):
    exit_code = 3


class UnreadableAudio(AudioError):
    pass


class NoAudio(AudioError):
    pass


class AudioWriteError(AudioError):
    pass


class AnalysisError(SidemanError):
    exit_code = 4


class TooShort(AnalysisError):
    pass


class UsageError(SidemanError):
    exit_code = 2


class MissingAsset(SidemanError):
    exit_code = 5


class Cancelled(SidemanError):
    exit_code = 130
