"""Every error that Sideman raises on purpose. This module imports nothing.

    SidemanError
    ├── AudioError            the recording itself
    │   ├── UnreadableAudio       not audio, damaged beyond reading, or no such file
    │   ├── NoAudio               readable, but it holds no sound to work on
    │   └── AudioWriteError       a result could not be written
    ├── AnalysisError         the music could not be understood
    │   └── TooShort              too short or too quiet for the question asked
    ├── UsageError            what was asked for does not exist (a style, a stem, a file format)
    ├── MissingAsset          a file or an extra that belongs to the installation is not there
    ├── ModelError            weights of a network: installing, loading or running them
    │   ├── UnusableModel         damaged, foreign, or not what its card says
    │   ├── ModelNotInstalled     known, but its weights are not on this machine
    │   ├── ConsentNeeded         its licence has not been accepted
    │   ├── ModelRefused          the policy of this installation does not allow it
    │   ├── DownloadFailed        the source did not answer, or gave something else
    │   └── NotEnoughMemory       it would not fit; the message says what would
    ├── LibraryError          the library, its store or its jobs
    │   ├── NotFound              no such thing, or not for this user
    │   ├── Conflict              the state of the thing does not allow it
    │   ├── TooLarge              over a limit of the settings
    │   ├── QuotaExceeded         over the owner's quota or rate
    │   ├── Forbidden             the role or the share does not allow it
    │   ├── Unauthenticated       no key, or one that is unknown or revoked
    │   ├── ServiceUnavailable    database or blob store do not answer: worth trying again
    │   └── JobFailed             a job ended without a result; the message is its reason
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


class ModelError(SidemanError):
    exit_code = 7


class UnusableModel(ModelError):
    pass


class ModelNotInstalled(ModelError):
    pass


class ConsentNeeded(ModelError):
    pass


class ModelRefused(ModelError):
    pass


class DownloadFailed(ModelError):
    pass


class NotEnoughMemory(ModelError):
    pass


class LibraryError(SidemanError):
    exit_code = 6


class NotFound(LibraryError):
    pass


class Conflict(LibraryError):
    pass


class TooLarge(LibraryError):
    pass


class QuotaExceeded(LibraryError):
    """`retry_after_s` says when asking again makes sense; None when only deleting something helps."""

    def __init__(self, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Forbidden(LibraryError):
    pass


class Unauthenticated(LibraryError):
    pass


class ServiceUnavailable(LibraryError):
    pass


class JobFailed(LibraryError):
    pass


class Cancelled(SidemanError):
    exit_code = 130
