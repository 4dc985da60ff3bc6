"""To clients of the replaced API what they deleted is gone, though it lies in the trash: its ids lead to 404."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from sideman.app.library.queries import StemRecord
from sideman.errors import NotFound
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.parameters import Id


def _recording(studio: StudioHere, who: Who, audio_id: Id) -> str:
    if studio.recordings.get(who, audio_id).trashed_at is not None:
        raise NotFound("there is no such recording: it may have been deleted")
    return audio_id


def _stem(studio: StudioHere, who: Who, stem_id: Id) -> StemRecord:
    stem = studio.stems.get(who, stem_id)
    if studio.recordings.get(who, stem.recording_id).trashed_at is not None:
        raise NotFound("there is no such stem: it may have been deleted")
    return stem


KeptRecording = Annotated[str, Depends(_recording)]
"""The id of a recording outside the trash."""
KeptStem = Annotated[StemRecord, Depends(_stem)]
"""A stem of a recording outside the trash."""
