"""Mix audio files: sum, loudness, true peak."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sideman.core.audio import Loudness, Recording, resampled_blocks, write_audio
from sideman.core.audio.scratch import ScratchWriter
from sideman.core.mixing import TARGET_LUFS, Lane, master, master_mp3, sum_lanes
from sideman.errors import UsageError

SUFFIXES = (".flac", ".wav", ".mp3")
QUIETEST_LUFS, LOUDEST_LUFS = -60.0, 0.0
MOST_GAIN_DB = 60.0


@dataclass(frozen=True, slots=True)
class MixInput:
    """A file, its level in dB, and its pan -1..1."""

    path: Path
    gain_db: float = 0.0
    pan: float = 0.0


def mix(inputs: Sequence[MixInput], out: Path, target_lufs: float = TARGET_LUFS) -> Loudness:
    """Files of any format and rate into one stereo file at the first one's rate, as long as the longest. Returns its loudness."""
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"a mix is written as {', '.join(SUFFIXES)}, not {out.suffix or 'a file without suffix'}")
    if not inputs:
        raise UsageError("there is nothing to mix: name one audio file or more")
    if not QUIETEST_LUFS <= target_lufs <= LOUDEST_LUFS:
        raise UsageError(f"a mix cannot have {target_lufs:g} LUFS: choose {QUIETEST_LUFS:g} to {LOUDEST_LUFS:g}")
    for i in inputs:
        if not abs(i.gain_db) <= MOST_GAIN_DB or not abs(i.pan) <= 1:
            raise UsageError(
                f"{i.path.name}: a level lies within {MOST_GAIN_DB:g} dB and a pan within -1 and 1, not at {i.gain_db:g} and {i.pan:g}"
            )
        if out.exists() and i.path.exists() and out.samefile(i.path):
            raise UsageError(f"{out} is one of the files to mix: give the mix another name")
    with ExitStack() as stack:
        recordings = [stack.enter_context(Recording.open(i.path)) for i in inputs]
        rate = recordings[0].sample_rate_hz
        folder = recordings[0].scratch_folder
        lanes = []
        for k, (recording, i) in enumerate(zip(recordings, inputs, strict=True)):
            audio = recording.audio
            if recording.sample_rate_hz != rate:
                with ScratchWriter(folder / f"lane{k}.f32", rate, recording.channels) as writer:
                    for block in resampled_blocks(recording.audio, rate):
                        writer.write(block)
                    audio = writer.finish()
            lanes.append(Lane(audio, i.gain_db, i.pan))
        frames = max(lane.audio.frames for lane in lanes)
        dry, mastered = sum_lanes(lanes, frames, rate, folder / "sum.f32"), folder / "mix.f32"
        if out.suffix.lower() == ".mp3":
            return master_mp3(dry, mastered, out, target_lufs)
        made = master(dry, mastered, target_lufs)
        write_audio(made.audio, out)
        return made.loudness
