"""Signals of known truth, shipped so that whoever builds on Sideman can test with them too."""

from sideman.testing.signals import LongRecording, click_track, faded_tone, noise, triad_song
from sideman.testing.songs import ShortSong, short_song

__all__ = ["LongRecording", "ShortSong", "click_track", "faded_tone", "noise", "short_song", "triad_song"]
