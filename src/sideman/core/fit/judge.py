"""The judge: does this stem fit this recording? It hears two sounds and knows the role, nothing else.

See docs/decisions/0006-the-judge-listens-to-the-song.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from sideman.core.fit.faults import NEVER_DECIDED, Fault, injections
from sideman.core.fit.figures import MOST_CLIPPED, FitFigures
from sideman.core.fit.listening import CHROMA_RATE_HZ, Heard
from sideman.core.fit.rhythm import hits, period_s
from sideman.core.fit.scoring import AxisScore, Calibration, hear_contrasts, score
from sideman.core.music import StemRole

ACCEPT, WARN = 0.75, 0.5
LEAST_SOUND_S, LEAST_ACCENTS = 5.0, 8
PROVISIONAL_SOUND_S = 20.0
PROBE_S = 90.0
WORDS = {
    "tempo": "it runs away from the song's tempo",
    "fine": "its hits do not meet the song's",
    "half": "it sits on the wrong beat or bar",
    "beat": "it sits on the wrong beat or bar",
    "bar": "it sits on the wrong beat or bar",
    "key": "its notes clash with the song's chords",
    "order": "its notes clash with the song's chords",
}
"""By detector. Another tempo is told from other faults, but half a beat from a beat, and another key from another order, is not."""


class Verdict(Enum):
    ACCEPTED = "accepted"
    WARNED = "warned"
    REJECTED = "rejected"
    UNDECIDABLE = "undecidable"
    SILENT = "silent"


@dataclass(frozen=True)
class FitReport:
    """score 0..1 from the two sounds alone. undecidable: faults that this stem could have on this song without being noticed."""

    role: StemRole
    score: float
    verdict: Verdict
    reason: str
    axes: tuple[AxisScore, ...]
    undecidable: tuple[Fault, ...]
    sounding_s: float
    figures: FitFigures | None = None
    warnings: tuple[str, ...] = ()


def _sound(stem: Heard) -> tuple[float, int]:
    """Sounding seconds and number of accents."""
    if stem.silent:
        return 0.0, 0
    return float((stem.rms > 0.1 * stem.rms.max()).sum() / CHROMA_RATE_HZ), len(hits(stem.accents, 99.8))


def _too_little(role: StemRole, seconds: float, accents: int) -> bool:
    return (seconds < LEAST_SOUND_S and role.pitched) or (accents < LEAST_ACCENTS and role is not StemRole.PAD)


def undecidable_faults(song: Heard, stem: Heard, role: StemRole, calibration: Calibration) -> tuple[Fault, ...]:
    """Inject each fault and ask again, on the busiest 90 s: what still passes cannot be told here."""
    width = int(PROBE_S * CHROMA_RATE_HZ)
    if stem.chroma.shape[1] > width:
        total = np.concatenate([[0], np.cumsum(stem.rms)])
        first = int(np.argmax(total[width:] - total[:-width]))
        song, stem = song.cut(first, first + width), stem.cut(first, first + width)
    found = []
    for fault, makers in injections(stem, role, period_s(song.accents)).items():
        if any(score(hear_contrasts(song, make(), role), role, calibration).value >= WARN for make in makers):
            found.append(fault)
    return tuple(found)


def judge(song: Heard, stem: Heard, role: StemRole, calibration: Calibration | None = None, probe: bool = True) -> FitReport:
    """Score and verdict of one stem. `probe=False` leaves out the question what this song cannot decide."""
    calibration = calibration or Calibration.default()
    frames = min(song.chroma.shape[1], stem.chroma.shape[1])
    song, stem = song.cut(0, frames), stem.cut(0, frames)
    seconds, accents = _sound(stem)
    if not seconds:
        return FitReport(role, 0.0, Verdict.SILENT, "The stem is silent.", (), (), 0.0)
    result = score(hear_contrasts(song, stem, role), role, calibration)
    never = (NEVER_DECIDED,)
    if _too_little(role, seconds, accents):
        much = f"sounds for only {seconds:.0f} s" if role.pitched and seconds < LEAST_SOUND_S else f"strikes only {accents} times"
        why = f"It {much}: too little to judge."
        return FitReport(role, 0.5, Verdict.UNDECIDABLE, why, result.axes, never, seconds)
    blind = undecidable_faults(song, stem, role, calibration) if probe and result.value >= WARN else ()
    asked = len(injections(stem, role, 0.5))
    if blind and len(blind) == asked:
        why = "Every deliberate fault would pass as well: this song cannot decide about this stem."
        return FitReport(role, 0.5, Verdict.UNDECIDABLE, why, result.axes, blind + never, seconds)
    verdict = Verdict.ACCEPTED if result.value >= ACCEPT else Verdict.WARNED if result.value >= WARN else Verdict.REJECTED
    return FitReport(role, result.value, verdict, _reason(verdict, result.axes, seconds), result.axes, blind + never, seconds)


def _weakest(axes: tuple[AxisScore, ...]) -> AxisScore:
    return min(axes, key=lambda a: a.logit)


def _reason(verdict: Verdict, axes: tuple[AxisScore, ...], seconds: float) -> str:
    provisional = " It sounds for less than 20 s, so this is provisional." if seconds < PROVISIONAL_SOUND_S else ""
    if verdict is Verdict.ACCEPTED:
        return "It meets the song's accents, bars and harmony." + provisional
    weak = WORDS[_weakest(axes).weakest] if axes else "nothing of it can be held against the song"
    if verdict is Verdict.WARNED:
        return f"It fits, but not clearly: if something is wrong, {weak}." + provisional
    return f"It does not fit: {weak}." + provisional


def with_figures(report: FitReport, figures: FitFigures, warnings: tuple[str, ...] = ()) -> FitReport:
    """The report with what stands beside the score; clipped sound is rejected, whatever it plays."""
    if figures.clipped_share is not None and figures.clipped_share > MOST_CLIPPED:
        said = f"It is clipped: {100 * figures.clipped_share:.1f} % of its samples are flat at full scale."
        report = replace(report, verdict=Verdict.REJECTED, reason=said)
    return replace(report, figures=figures, warnings=warnings)


def suspect_analysis(reports: tuple[FitReport, ...]) -> str | None:
    """Stems of several roles that all fail on one axis speak against the analysis they were written on, not against the stems."""
    failed = [r for r in reports if r.verdict is Verdict.REJECTED]
    if len({r.role for r in failed}) < 2 or len(failed) < len(reports):
        return None
    axes = {_weakest(r.axes).name for r in failed if r.axes}
    if len(axes) != 1:
        return None
    what = {"time": "beats", "place": "bar lines", "harmony": "chords or tuning"}[axes.pop()]
    return f"All stems fail in the same way: suspect the analysed {what}, not the stems."
