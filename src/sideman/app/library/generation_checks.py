"""What is refused of a generation before its job begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sideman.app.library.services import Services
from sideman.app.library.wishes import MOST_CANDIDATES, GenerationWish, Playable
from sideman.core.music import Chord
from sideman.errors import Conflict, NotFound, UsageError
from sideman.infra.database import RecordingRecord


def resolved(wish: GenerationWish, playable: Playable) -> GenerationWish:
    """The wish with the style's own name. Raises UsageError for what the band cannot play."""
    if not 1 <= wish.candidates <= MOST_CANDIDATES:
        raise UsageError(f"{wish.candidates} candidates were asked for: there can be 1 to {MOST_CANDIDATES} of each stem")
    return replace(wish, style=playable.check(wish.order()).style)


def refuse_outside(wish: GenerationWish, recording: RecordingRecord, analysed: bool) -> None:
    """Raises UsageError for a part or chords that do not lie in the recording, Conflict for chords of one without analysis."""
    if wish.within_s is not None and not 0 <= wish.within_s[0] < wish.within_s[1] <= recording.duration_s + 1:
        start, end = wish.within_s
        raise UsageError(f"{start:g} to {end:g} s is no part of a recording of {recording.duration_s:.1f} s")
    if wish.chords and not analysed:
        raise Conflict("this recording has no analysis yet: analyse it before you change its chords")
    for start, end, label in wish.chords:
        try:
            Chord.parse(label)
        except ValueError as error:
            raise UsageError(f"{label!r} is no chord: {error}") from error
        if not 0 <= start < end <= recording.duration_s + 1:
            raise UsageError(f"the chord {label} from {start:g} to {end:g} s does not lie in the recording")


def refuse_missing(wish: GenerationWish, recording_id: str, services: Services, readable: Callable[[str], object]) -> None:
    """The other recording or the stem that a wish names. Raises NotFound, Conflict, UsageError."""
    if wish.like is not None:
        readable(wish.like)
        if services.results.analysis(wish.like) is None:
            raise Conflict("the recording whose feel is to be taken over has no analysis yet: analyse it first")
    if wish.base is not None:
        if wish.within_s is None:
            raise UsageError("a stem is played anew in a part of the song: say which, with startS and endS")
        base = next((s for s in services.results.stems_of(recording_id=recording_id) if s.id == wish.base), None)
        if base is None:
            raise NotFound("this recording has no such stem: take the base from its list of stems")
        if [r.value for r in wish.roles] != [base.role] or base.origin in ("excerpt", "part"):
            raise UsageError(f"the base is a {base.role} stem ({base.origin}): ask for {base.role} alone, and for a whole stem")


def style_of(wish: GenerationWish, recording_id: str, services: Services, playable: Playable) -> str | None:
    """A part that is played anew keeps the style of its stem, where no other is asked for."""
    if wish.style is not None or wish.base is None:
        return wish.style
    base = next(s for s in services.results.stems_of(recording_id=recording_id) if s.id == wish.base)
    return next((s.name for s in playable.styles if s.name == base.provenance.get("style")), None)
