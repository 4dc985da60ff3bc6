"""Sound: clips, readers, decoding, encoding, resampling, loudness. The only door to files."""

from sideman.core.audio.chunks import CHUNK_FRAMES, Excerpt, LosslessFacts, flac_chunk, lossless_facts, middle, pcm_chunk
from sideman.core.audio.clip import AudioClip, AudioReader, Samples, blocks, fold_to_stereo, read_all, read_padded
from sideman.core.audio.decoding import SourceInfo, probe
from sideman.core.audio.encoding import Mp3Writer, PcmWriter, lossless_suffix, quantised_24, write_audio, write_lossless
from sideman.core.audio.inspection import AudioLimits, Inspection, inspect
from sideman.core.audio.loudness import Loudness, LoudnessMeter, decibels, integrated_loudness, measure
from sideman.core.audio.peaks import write_peaks
from sideman.core.audio.recording import Condition, Recording
from sideman.core.audio.resampling import StreamResampler, resample, resampled_blocks, resampled_frames
from sideman.core.audio.scratch import ScratchAudio, ScratchWriter
from sideman.core.audio.stretching import Anchor, warp

__all__ = [
    "CHUNK_FRAMES",
    "Anchor",
    "AudioClip",
    "AudioLimits",
    "AudioReader",
    "Condition",
    "Excerpt",
    "Inspection",
    "LosslessFacts",
    "Loudness",
    "LoudnessMeter",
    "Mp3Writer",
    "PcmWriter",
    "Recording",
    "Samples",
    "ScratchAudio",
    "ScratchWriter",
    "SourceInfo",
    "StreamResampler",
    "blocks",
    "decibels",
    "flac_chunk",
    "fold_to_stereo",
    "inspect",
    "integrated_loudness",
    "lossless_facts",
    "lossless_suffix",
    "measure",
    "middle",
    "pcm_chunk",
    "probe",
    "quantised_24",
    "read_all",
    "read_padded",
    "resample",
    "resampled_blocks",
    "resampled_frames",
    "warp",
    "write_audio",
    "write_lossless",
    "write_peaks",
]  # fmt: skip
