"""The analysis of a recording, with the user's corrections laid over it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from sideman.app.library.access import Access, Caller
from sideman.app.library.services import Services
from sideman.core.music import Correction, MusicAnalysis, corrected, from_jams, overlaid, read_annotations, write_jams
from sideman.errors import NotFound
from sideman.infra.database import AnalysisRecord, CorrectionRecord, Json


class Timelines:
    def __init__(self, services: Services, access: Access) -> None:
        self._s, self._access = services, access

    def record(self, who: Caller, recording_id: str, version: int | None = None) -> AnalysisRecord:
        """Raises NotFound where the recording was not analysed."""
        self._access.readable(who, recording_id)
        found = self._s.results.analysis(recording_id, version)
        if found is None:
            raise NotFound("this recording was not analysed yet" if version is None else f"there is no analysis of version {version}")
        return found

    def versions(self, who: Caller, recording_id: str) -> tuple[AnalysisRecord, ...]:
        self._access.readable(who, recording_id)
        return self._s.results.analyses(recording_id)

    def analysis(self, who: Caller, recording_id: str, version: int | None = None, as_found: bool = False) -> MusicAnalysis:
        """With the corrections, or as the engines found it."""
        return self._read(self.record(who, recording_id, version), as_found)

    def _read(self, record: AnalysisRecord, as_found: bool = False) -> MusicAnalysis:
        found = from_jams(json.loads(b"".join(self._s.blobs.read(record.jams_key))))
        made = () if as_found else self._s.results.corrections(record.recording_id)
        return overlaid(found, [Correction(c.kind, c.values) for c in made])

    def latest(self, recording_id: str) -> MusicAnalysis | None:
        """What drives generation: for jobs, which were allowed when they were asked for."""
        record = self._s.results.analysis(recording_id)
        return self._read(record) if record else None

    def keep(self, analysis: MusicAnalysis) -> str:
        """An analysis as a blob, for a job to work from."""
        with tempfile.TemporaryDirectory(prefix="sideman-jams-") as folder:
            path = Path(folder) / "analysis.jams"
            write_jams(analysis, path)
            return self._s.blobs.put(path)

    def corrections(self, who: Caller, recording_id: str) -> tuple[CorrectionRecord, ...]:
        self._access.readable(who, recording_id)
        return self._s.results.corrections(recording_id, reverted=True)

    def correct(self, who: Caller, recording_id: str, kind: str, values: Json) -> CorrectionRecord:
        """Lay one more correction over the analysis. Raises UsageError, and keeps nothing, where it does not fit."""
        self._access.writable(who, recording_id)
        corrected(self.analysis(who, recording_id), [Correction(kind, values)])
        made = self._s.results.add_correction(recording_id, kind, values, who.user_id)
        self._show(recording_id)
        return made

    def import_annotations(self, who: Caller, recording_id: str, path: Path) -> tuple[CorrectionRecord, ...]:
        """What another tool's file says, laid over the analysis as corrections. Raises UsageError, and keeps nothing, where it does not fit."""
        self._access.writable(who, recording_id)
        analysis = self.analysis(who, recording_id)
        found = read_annotations(path, analysis.duration_s)
        corrected(analysis, found)
        made = tuple(self._s.results.add_correction(recording_id, c.kind, dict(c.values), who.user_id) for c in found)
        self._show(recording_id)
        return made

    def revert(self, who: Caller, recording_id: str, correction_id: str) -> None:
        self._access.writable(who, recording_id)
        self._s.results.revert_correction(recording_id, correction_id)
        self._show(recording_id)

    def _show(self, recording_id: str) -> None:
        """Tempo, key and meter of the list follow the corrected analysis."""
        analysis = self.latest(recording_id)
        if analysis is not None:
            self._s.recordings.update(recording_id, **summary(analysis))


def summary(analysis: MusicAnalysis) -> dict[str, Any]:
    """The columns of a recording that an analysis fills."""
    grid = analysis.grid.value if analysis.grid else None
    return {
        "tempo_bpm": round(grid.tempo_bpm, 3) if grid else None, "meter": str(grid.meter) if grid else None,
        "key_index": analysis.key.value.index if analysis.key else None,
    }  # fmt: skip
