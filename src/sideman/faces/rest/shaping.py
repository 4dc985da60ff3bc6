"""Records of the library as shapes of the REST face, with the links that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from sideman.app.library.access import Caller
from sideman.app.library.queries import RecordingRecord, StemRecord
from sideman.app.library.studio import Studio
from sideman.faces.rest.delivery import BlobFile, link, media_type_of
from sideman.faces.rest.shapes import KeyShape, MixShape, RecordingShape, StemShape


def recording_file(r: RecordingRecord) -> BlobFile:
    return BlobFile(r.content_key, r.file_name, media_type_of(r.container))


def artwork_file(r: RecordingRecord) -> BlobFile | None:
    return BlobFile(r.artwork_key, "artwork", r.artwork_type) if r.artwork_key and r.artwork_type else None


def stem_file(s: StemRecord) -> BlobFile:
    return BlobFile(s.blob_key, f"{_printable(s.name)}.{s.container}", media_type_of(s.container))


def midi_file(s: StemRecord) -> BlobFile | None:
    return BlobFile(s.midi_key, f"{_printable(s.name)}.mid", "audio/midi") if s.midi_key else None


def _printable(name: str) -> str:
    return "".join(c for c in PurePosixPath(name).name if c.isprintable())


def mix_file(m: MixShape, blob_key: str) -> BlobFile:
    suffix = PurePosixPath(m.file_name).suffix
    types = {".flac": "audio/flac", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".zip": "application/zip"}
    return BlobFile(blob_key, m.file_name, types.get(suffix, "application/octet-stream"))


def recording_shape(studio: Studio, who: Caller, r: RecordingRecord) -> RecordingShape:
    return recording_shapes(studio, who, (r,))[0]


def recording_shapes(studio: Studio, who: Caller, records: Sequence[RecordingRecord]) -> list[RecordingShape]:
    roles = studio.stems.roles(records)
    return [_recording_shape(studio, who, r, roles.get(r.id, ())) for r in records]


def _recording_shape(studio: Studio, who: Caller, r: RecordingRecord, roles: Sequence[str]) -> RecordingShape:
    shape = RecordingShape.model_validate(r)
    shape.stem_roles = list(roles)
    shape.key = KeyShape.of(r.key_index)
    shape.audio_url = link(studio, recording_file(r), who.user_id)
    art = artwork_file(r)
    shape.artwork_url = link(studio, art, who.user_id) if art else None
    return shape


def stem_shape(studio: Studio, who: Caller, s: StemRecord) -> StemShape:
    shape = StemShape.model_validate(s)
    shape.key = KeyShape.of(s.key_index)
    shape.audio_url = link(studio, stem_file(s), who.user_id)
    midi = midi_file(s)
    shape.midi_url = link(studio, midi, who.user_id) if midi else None
    return shape
