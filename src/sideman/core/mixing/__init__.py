"""Lanes into a mix: sum, loudness, true peak, minus one."""

from sideman.core.mixing.mix import CEILING_DBTP, TARGET_LUFS, Lane, Mix, difference, master, sum_lanes

__all__ = ["CEILING_DBTP", "TARGET_LUFS", "Lane", "Mix", "difference", "master", "sum_lanes"]
