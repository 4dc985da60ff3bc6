"""Sound: clips, readers, decoding, encoding, resampling, loudness. The only door to files."""

from sideman.core.audio.clip import AudioClip, AudioReader, Samples, blocks, fold_to_stereo, read_all, read_padded
from sideman.core.audio.decoding import SourceInfo, probe
from sideman.core.audio.encoding import Mp3Writer, PcmWriter, lossless_suffix, quantised_24, write_audio, write_lossless
from sideman.core.audio.loudness import Loudness, LoudnessMeter, decibels, integrated_loudness, measure
from sideman.core.audio.recording import Condition, Recording
from sideman.core.audio.resampling import StreamResampler, resample, resampled_blocks, resampled_frames
from sideman.core.audio.scratch import ScratchAudio, ScratchWriter

__all__ = [
    "AudioClip", "AudioReader", "Condition", "Loudness", "LoudnessMeter", "Mp3Writer", "PcmWriter", "Recording", "Samples",
    "ScratchAudio", "ScratchWriter", "SourceInfo", "StreamResampler", "blocks", "decibels", "fold_to_stereo", "integrated_loudness",
    "lossless_suffix", "measure", "probe", "quantised_24", "read_all", "read_padded", "resample", "resampled_blocks", "resampled_frames", "write_audio",
    "write_lossless",
]  # fmt: skip
