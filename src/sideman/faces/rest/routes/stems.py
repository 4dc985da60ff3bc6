"""Stems: of a recording, and of the whole library by role, key and tempo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sideman.app.library.queries import StemQuery
from sideman.errors import NotFound
from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.delivery import FILE_RESPONSES, BlobFile, deliver
from sideman.faces.rest.parameters import Cursor, Id, KeyWord, Limit, Word, keys_of
from sideman.faces.rest.routes.recordings import audio_shape, chunk_response
from sideman.faces.rest.shapes import AudioShape, Ident, StemCountsShape, StemPage, StemShape
from sideman.faces.rest.shaping import midi_file, stem_file, stem_shape

router = APIRouter(prefix="/stems", tags=["stems"])


@router.get("")
def list_stems(
    studio: StudioHere, who: Who, role: Word = "", origin: Word = "", key: KeyWord = "", compatible: bool = False,
    recording: Annotated[Ident | None, Query()] = None, tempo_from: Annotated[float | None, Query(alias="tempoFrom", ge=0, le=1000)] = None,
    tempo_to: Annotated[float | None, Query(alias="tempoTo", ge=0, le=1000)] = None, limit: Limit = 50, cursor: Cursor = None,
) -> StemPage:  # fmt: skip
    query = StemQuery(role, origin, recording or "", keys_of(key, compatible), tempo_from, tempo_to)
    page = studio.stems.page(who, query, limit, cursor)
    return StemPage(items=[stem_shape(studio, who, s) for s in page.items], next_cursor=page.next_cursor)


@router.get("/counts")
def count_stems(studio: StudioHere, who: Who) -> StemCountsShape:
    return StemCountsShape.model_validate(studio.stems.counts(who))


@router.get("/{stem_id}")
def get_stem(studio: StudioHere, who: Who, stem_id: Id) -> StemShape:
    return stem_shape(studio, who, studio.stems.get(who, stem_id))


@router.delete("/{stem_id}", status_code=204)
def delete_stem(studio: StudioHere, who: Who, stem_id: Id) -> None:
    studio.stems.delete(who, stem_id)


@router.get("/{stem_id}/file", responses=FILE_RESPONSES, response_class=Response)
def download_stem(request: Request, studio: StudioHere, who: Who, stem_id: Id, attachment: Annotated[bool, Query()] = False) -> Response:
    """The stem as FLAC or WAV. Takes Range."""
    return deliver(request, studio, stem_file(studio.stems.get(who, stem_id)), attachment)


@router.get("/{stem_id}/midi", responses=FILE_RESPONSES, response_class=Response)
def download_midi(request: Request, studio: StudioHere, who: Who, stem_id: Id) -> Response:
    midi = midi_file(studio.stems.get(who, stem_id))
    if midi is None:
        raise NotFound("this stem has no MIDI: only generated stems have")
    return deliver(request, studio, midi, attachment=True)


@router.get("/{stem_id}/audio")
def describe_audio(studio: StudioHere, who: Who, stem_id: Id) -> AudioShape:
    return audio_shape(studio.recordings.facts(studio.stems.get(who, stem_id)))


@router.get("/{stem_id}/chunks/{number}.flac", responses=FILE_RESPONSES, response_class=Response)
def get_chunk(studio: StudioHere, who: Who, stem_id: Id, number: int) -> Response:
    """65,536 frames as FLAC."""
    return chunk_response(studio.recordings.chunk(studio.stems.get(who, stem_id), number))


@router.get("/{stem_id}/chunks/{number}.pcm", responses=FILE_RESPONSES, response_class=Response)
def get_samples(studio: StudioHere, who: Who, stem_id: Id, number: int) -> Response:
    """The same as bare samples: 16 bits, little-endian, channels interleaved."""
    return chunk_response(studio.recordings.chunk(studio.stems.get(who, stem_id), number, False), "application/octet-stream")


@router.get("/{stem_id}/peaks.dat", responses=FILE_RESPONSES, response_class=Response)
def get_peaks(request: Request, studio: StudioHere, who: Who, stem_id: Id) -> Response:
    """Waveform peaks in audiowaveform's .dat format."""
    key = studio.recordings.peaks_key(studio.stems.get(who, stem_id))
    return deliver(request, studio, BlobFile(key, "peaks.dat", "application/octet-stream"))
