"""Lanes into a mix: sum, loudness, true peak, minus one."""

from sideman.core.mixing.mix import CEILING_DBTP, TARGET_LUFS, Lane, Mix, difference, master, sum_lanes
from sideman.core.mixing.mp3 import master_mp3, write_mp3

__all__ = ["CEILING_DBTP", "TARGET_LUFS", "Lane", "Mix", "difference", "master", "master_mp3", "sum_lanes", "write_mp3"]
