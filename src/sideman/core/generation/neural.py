"""NeuralGenerator: a network's clips made into stems of the song, each clip told its place by the session band or by the song itself.

The band writes the same part on the song's own grid and chords. A network that goes on from sound hears the band's bars before a passage,
so that pulse, harmony and sound are known when it begins (for `other`, the accompaniment as a whole, it hears the song's); one that follows a
melody gets the band's notes as pitch classes; one that varies sound varies the band's; one that joins a song hears the song. Where a part of
a stem is made anew, a network that can hears the stem around it. What comes out is judged like any stem, and the band stands in where it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sideman.core.audio import (
    AudioClip,
    AudioReader,
    ScratchAudio,
    ScratchWriter,
    blocks,
    fold_to_stereo,
    integrated_loudness,
    read_padded,
    resample,
)
from sideman.core.generation.clips import CHROMA_RATE_HZ, Anchor, AudioModel, ClipWish
from sideman.core.generation.context import SongContext
from sideman.core.generation.generator import GeneratedStem, GenerationRequest, Generator, Progress, no_progress
from sideman.core.generation.passages import Passage, passages
from sideman.core.generation.prompts import PassageFacts, avoided, prompt_for
from sideman.core.music import NoteEvent, StemRole
from sideman.core.music.roles import LEVEL_LU, USUAL_LEVEL_LU
from sideman.errors import UsageError

LEAD_BARS, LONGEST_LEAD_S = 2, 6.0
AROUND_S = 4.0
"""Of a stem, what is heard before and after the part that is made anew."""
FADE_IN_S, TAIL_S = 0.005, 0.03
"""A passage begins at once, since its first note lies on its first sample; the one before rings a little into it."""
LONGEST_MEASURED_S = 120.0
SILENT_RMS = 1e-4
CEILING = 0.89
SEEDS = 2**63
"""What the random generators of networks take."""
GUIDE_SHARE, CLIP_SHARE = 0.1, 0.85
PITCHED_BELOW = (StemRole.BASS,)


@dataclass(frozen=True)
class NeuralFacts:
    """name: of the model card. tries: performances that the judge may refuse before the band stands in."""

    name: str
    roles: tuple[StemRole, ...]
    note: str
    licence: str
    use: str
    weights: str
    tries: int = 3


class NeuralGenerator:
    """A Generator over an AudioModel; the network is loaded when the first stem is asked for."""

    def __init__(self, facts: NeuralFacts, model: Callable[[], AudioModel], band: Generator, at_once: int) -> None:
        self._facts, self._model, self._band = facts, model, band
        self.at_once = at_once

    @property
    def roles(self) -> tuple[StemRole, ...]:
        return self._facts.roles

    @property
    def styles(self) -> tuple[str, ...]:
        return self._band.styles

    @property
    def note(self) -> str:
        return self._facts.note

    @property
    def tries(self) -> int:
        return self._facts.tries

    @property
    def stand_in(self) -> Generator:
        return self._band

    @property
    def name(self) -> str:
        return self._facts.name

    def style_named(self, name: str) -> str:
        return self._band.style_named(name)

    def write(self, context: SongContext, role: StemRole, style: str, seed: int) -> tuple[NoteEvent, ...]:
        """A network makes sound, not notes."""
        return ()

    def generate(self, context: SongContext, request: GenerationRequest, folder: Path, progress: Progress = no_progress) -> GeneratedStem:
        return self.generate_all(context, (request,), folder, progress)[0]

    def generate_all(
        self, context: SongContext, requests: Sequence[GenerationRequest], folder: Path, progress: Progress = no_progress
    ) -> tuple[GeneratedStem, ...]:
        """All requests passage by passage, so that they share batches and memory stays flat. Raises UsageError, and what loading raises."""
        for request in requests:
            if request.role not in self.roles:
                raise UsageError(f"{self.name} makes no {request.role}: it makes {', '.join(r.value for r in self.roles)}")
        model = self._model()
        anchor = model.anchors[0]
        lead_s = LONGEST_LEAD_S if anchor is Anchor.CONTINUE else 0.0
        anew = _repaints(model, requests[0])
        planned = passages(context, requests[0].within_s, model.longest_s - lead_s - TAIL_S - (2 * AROUND_S if anew else 0))
        guides: list[GeneratedStem] = []
        drafts = [_Draft(r, folder / f"{self.name}-{r.role}-{r.seed}-draft.f32") for r in requests]
        try:
            if anchor is not Anchor.JOIN and not anew:
                for request in requests:
                    guides.append(self._guide(context, request, folder))
            progress(GUIDE_SHARE)
            for k, passage in enumerate(planned):
                song = (
                    _excerpt(context.audio, passage.start_s, passage.seconds + TAIL_S) if anchor is Anchor.JOIN and context.audio else None
                )
                wishes = [self._wish(context, r, passage, model, guides[i] if guides else None, song) for i, r in enumerate(requests)]
                clips = model.clips(wishes, lambda share, n=k: progress(GUIDE_SHARE + CLIP_SHARE * (n + share) / len(planned)))  # type: ignore[misc]
                for draft, clip in zip(drafts, clips, strict=True):
                    draft.add(passage, clip, AROUND_S if anew else 0.0)
            made = [self._stem(context, d, planned, model) for d in drafts]
        finally:
            for draft in drafts:
                draft.remove()
            for guide in guides:
                guide.audio.remove()
        progress(1.0)
        return tuple(made)

    def _guide(self, context: SongContext, request: GenerationRequest, folder: Path) -> GeneratedStem:
        """What the band would play, also before and after the part that is asked for."""
        own = folder / f"guide-{request.role}-{request.seed}"
        own.mkdir(exist_ok=True)
        return self._band.generate(context, replace(request, within_s=None), own)

    def _wish(
        self, context: SongContext, request: GenerationRequest, passage: Passage, model: AudioModel, guide: GeneratedStem | None,
        song: AudioClip | None,
    ) -> ClipWish:  # fmt: skip
        facts = _asked_facts(passage, request)
        wish = ClipWish(
            request.role, prompt_for(request.role, request.style, facts, request.words), passage.seconds + TAIL_S,
            (request.seed * 1000 + request.variation * 100_003 + round(passage.start_s * 10)) % SEEDS, avoided(request.role), song=song,
            liveliness=request.liveliness, tempo_bpm=facts.tempo_bpm, key=facts.key if request.role.pitched else None,
            beats_per_bar=facts.beats_per_bar,
        )  # fmt: skip
        if request.base is not None and _repaints(model, request):
            around = _excerpt(request.base, passage.start_s - AROUND_S, passage.seconds + 2 * AROUND_S)
            return replace(wish, seconds=around.duration_s, guide=around, repaint_s=(AROUND_S, AROUND_S + passage.seconds), song=None)
        if guide is None:
            return wish
        if model.anchors[0] is Anchor.CONTINUE:
            lead_s = min(LONGEST_LEAD_S, LEAD_BARS * passage.bar_s)
            before = context.audio if request.role is StemRole.OTHER and context.audio is not None else guide.audio
            lead, melody = _lead(before, passage, lead_s), None
            if Anchor.MELODY in model.anchors and request.role.pitched:
                melody = pitch_classes(
                    guide.notes, passage.start_s - (lead_s if lead is not None else 0), passage.end_s, request.role in PITCHED_BELOW
                )
            return replace(wish, lead=lead, melody=melody)
        return replace(wish, guide=_excerpt(guide.audio, passage.start_s, passage.seconds + TAIL_S))

    def _stem(self, context: SongContext, draft: _Draft, planned: Sequence[Passage], model: AudioModel) -> GeneratedStem:
        request, of_model = draft.request, model.provenance
        audio = draft.levelled(context.loudness_lufs)
        prompt = prompt_for(request.role, request.style, _asked_facts(planned[0], request), request.words) if planned else ""
        asked = [("weights", self._facts.weights), ("weights licence", self._facts.licence), ("use of results", self._facts.use)]
        asked += [
            ("style", request.style),
            ("seed", str(request.seed)),
            ("prompt", prompt),
            ("anchor", (Anchor.REPAINT if _repaints(model, request) else model.anchors[0]).value),
        ]
        provenance = replace(of_model, engine=self.name, parameters=(*asked, *of_model.parameters))
        spans = tuple((p.start_s, p.end_s) for p in planned)
        return GeneratedStem(request.role, request.style, request.seed, audio, (), 0, provenance, spans)


def _asked_facts(passage: Passage, request: GenerationRequest) -> PassageFacts:
    return replace(passage.facts, energy=max(0, min(3, passage.facts.energy + request.energy)))


def _repaints(model: AudioModel, request: GenerationRequest) -> bool:
    """Whether it hears the stem around the part that it makes anew."""
    return Anchor.REPAINT in model.anchors and request.base is not None


class _Draft:
    """A stem that is being put together: clips at their passages, silence outside, exactly as long as asked for."""

    def __init__(self, request: GenerationRequest, path: Path) -> None:
        self.request = request
        self._rate = request.sample_rate_hz
        self._writer = ScratchWriter(path, self._rate, 2)
        self._tail = np.zeros((2, 0), np.float32)
        self._at = 0

    def add(self, passage: Passage, clip: AudioClip, skipped_s: float = 0.0) -> None:
        """skipped_s: of the clip's beginning, which lies before the passage."""
        y = fold_to_stereo(resample(clip, self._rate).samples)[:, round(skipped_s * self._rate) :].copy()
        start, end = round(passage.start_s * self._rate), round(passage.end_s * self._rate)
        self._silence(start - self._at)
        fade, tail = min(y.shape[1], round(FADE_IN_S * self._rate)), round(TAIL_S * self._rate)
        y[:, :fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        y = np.pad(y, ((0, 0), (0, max(0, end - start + tail - y.shape[1]))))[:, : end - start + tail]
        y[:, end - start :] *= np.cos(np.linspace(0, np.pi / 2, tail, dtype=np.float32))
        ringing = min(self._tail.shape[1], y.shape[1])
        y[:, :ringing] += self._tail[:, :ringing]
        left = max(0, min(end - start, self.request.frames - self._at))
        self._writer.write(y[:, :left])
        self._at += left
        self._tail = y[:, end - start :]

    def _silence(self, frames: int) -> None:
        """What rings on, then nothing, in blocks."""
        frames = min(frames, self.request.frames - self._at)
        while frames > 0:
            step = min(frames, 10 * self._rate)
            self._writer.write(np.pad(self._tail[:, :step], ((0, 0), (0, step - min(step, self._tail.shape[1])))))
            self._tail = self._tail[:, step:]
            frames -= step
            self._at += step

    def levelled(self, song_lufs: float) -> ScratchAudio:
        """At the loudness of its role against the song, or of the stem whose part it becomes; under full scale."""
        self._silence(self.request.frames - self._at)
        draft = self._writer.finish()
        loudness, target = integrated_loudness(draft), song_lufs + LEVEL_LU.get(self.request.role, USUAL_LEVEL_LU)
        if self.request.base is not None and np.isfinite(around := self._loudness_of(self.request.base)):
            target = around
        gain = 10 ** ((target - loudness) / 20) if np.isfinite(loudness) else 1.0
        gain = min(gain, CEILING / self._writer.peak) if self._writer.peak > 0 else 1.0
        with ScratchWriter(draft.path.with_name(draft.path.name.replace("-draft", "")), self._rate, 2) as writer:
            for block in blocks(draft, 10 * self._rate):
                writer.write(block * np.float32(gain))
            return writer.finish()

    def _loudness_of(self, base: AudioReader) -> float:
        """Of the stem in the part that is made anew; of all of it where it is silent there."""
        begin, end = self.request.within_s or (0.0, base.frames / base.sample_rate_hz)
        there = integrated_loudness(_excerpt(base, begin, min(end - begin, LONGEST_MEASURED_S)))
        return there if np.isfinite(there) else integrated_loudness(base)

    def remove(self) -> None:
        self._writer.finish().remove()


def _excerpt(audio: AudioReader, start_s: float, seconds: float) -> AudioClip:
    rate = audio.sample_rate_hz
    return AudioClip(read_padded(audio, round(start_s * rate), round(seconds * rate)), rate)


def _lead(audio: AudioReader, passage: Passage, lead_s: float) -> AudioClip | None:
    """The bars before a passage; its own first bars where there are none, as if they were played once before; None where it rests."""
    before = _excerpt(audio, passage.start_s - lead_s, lead_s)
    inside = _excerpt(audio, passage.start_s, lead_s)
    for clip in (before, inside):
        quarter = clip.samples[:, : clip.frames // 2], clip.samples[:, clip.frames // 2 :]
        if all(float(np.sqrt((part**2).mean())) > SILENT_RMS for part in quarter):
            return clip
    return None


def pitch_classes(notes: Sequence[NoteEvent], start_s: float, end_s: float, lowest: bool) -> NDArray[np.int_] | None:
    """The highest sounding note (or the lowest) at each frame of CHROMA_RATE_HZ as pitch class, -1 for none; None without any note."""
    out = np.full(max(1, int(np.ceil((end_s - start_s) * CHROMA_RATE_HZ))), -1)
    chosen = np.full(len(out), -1)
    for n in notes:
        a, b = (round((t - start_s) * CHROMA_RATE_HZ) for t in (n.start_s, n.end_s))
        span = slice(max(0, a), max(a + 1, b))
        if a >= len(out) or b < 0:
            continue
        there = chosen[span]
        wins = (there < 0) | ((n.pitch < there) if lowest else (n.pitch > there))
        there[wins], out[span][wins] = n.pitch, n.pitch % 12
    return out if (out >= 0).any() else None
