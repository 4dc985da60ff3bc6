"""Styles of the grooves: beats in a bar, grid steps in a beat, tempo range, and the steps at which each instrument plays.

K kick, S snare, H hat, B bass, C chords, G distorted power chords, A arpeggio or melody.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    beats: int
    steps: int
    low_bpm: float
    high_bpm: float
    parts: dict[str, list[int]]


def every(total: int, step: int, first: int = 0) -> list[int]:
    return list(range(first, total, step))


def _style(beats: int, steps: int, low: float, high: float, **parts: list[int]) -> Style:
    return Style(beats, steps, low, high, parts)


E2, E4, OFF = every(16, 2), every(16, 4), every(16, 4, 2)
GALLOP = [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]
STYLES = {
    "rock": _style(4, 4, 95, 165, K=[0, 6, 8], S=[4, 12], H=E2, B=E2, C=[0, 8]),
    "rock_riff": _style(4, 4, 105, 160, K=[0, 6, 8, 10], S=[4, 12], H=E2, B=E2, G=E2),
    "rock_open": _style(4, 4, 110, 150, K=[0, 8, 10], S=[4, 12], H=E4, B=E2, G=[0, 6, 8]),
    "punk": _style(4, 4, 150, 205, K=[0, 8], S=[4, 12], H=E2, B=E2, G=E2),
    "metal": _style(4, 4, 135, 190, K=GALLOP, S=[4, 12], H=E4, B=GALLOP, G=GALLOP),
    "metal_half": _style(4, 4, 130, 180, K=[0, 2, 6, 7, 10], S=[8], H=E4, B=E2, G=[0, 2, 6, 7, 10, 12]),
    "disco": _style(4, 4, 110, 130, K=E4, S=[4, 12], H=OFF, B=E2, C=[0, 6]),
    "disco_light": _style(4, 4, 108, 128, S=[4, 12], H=every(16, 1), B=[0, 2, 4, 6, 8, 10, 12, 14], C=OFF),
    "house": _style(4, 4, 118, 130, K=E4, S=[4, 12], H=OFF, B=OFF, C=[0, 3, 6, 11]),
    "techno": _style(4, 4, 124, 140, K=E4, H=OFF, B=[2, 3, 6, 7, 10, 11, 14, 15], C=[0]),
    "hiphop": _style(4, 4, 74, 98, K=[0, 7, 10], S=[4, 12], H=E2, B=[0, 7, 10], C=[0]),
    "hiphop_late": _style(4, 4, 78, 96, K=[0, 3, 8, 11], S=[4, 12], H=every(16, 1), B=[0, 3, 8], C=[0, 8]),
    "trap": _style(4, 4, 62, 78, K=[0, 3, 10], S=[8], H=every(16, 1), B=[0, 10], C=[0]),
    "trap_double": _style(4, 4, 126, 156, K=[0, 6], S=[8], H=E2, B=[0, 6], C=[0]),
    "dnb": _style(4, 4, 165, 178, K=[0, 10], S=[4, 12], H=E2, B=[0, 10], C=[0]),
    "reggae": _style(4, 4, 66, 90, K=[8], S=[8], H=E2, B=[0, 3, 6, 8, 11], C=[2, 6, 10, 14]),
    "ska": _style(4, 4, 120, 160, K=[0, 8], S=[4, 12], H=OFF, B=E4, C=OFF),
    "bossa": _style(4, 4, 100, 150, K=[0, 6, 8, 14], S=[0, 6, 12], H=E2, B=[0, 6, 8, 14], C=[0, 6, 10, 12]),
    "bossa_guitar": _style(4, 4, 110, 145, B=[0, 8], C=[0, 4, 6, 10, 14], A=[3, 6, 11, 14]),
    "latin": _style(4, 4, 150, 200, K=[6, 14], S=[4, 12], H=[0, 4, 6, 8, 12, 14], B=[6, 12], C=[0, 4, 6, 10, 14]),
    "funk": _style(4, 4, 92, 116, K=[0, 3, 10, 13], S=[4, 7, 9, 12], H=every(16, 1), B=[0, 3, 6, 10, 11], C=[2, 6, 14]),
    "funk_one": _style(4, 4, 95, 120, K=[0, 2, 7, 10], S=[4, 12, 15], H=E2, B=[0, 2, 7, 10, 14], C=[3, 6, 11, 14]),
    "ballad": _style(4, 4, 58, 82, K=[0, 8], S=[4, 12], H=E2, B=[0, 8], C=E2),
    "ballad_rock": _style(4, 4, 80, 110, K=[0, 8, 10], S=[4, 12], H=E2, B=[0, 6, 8], C=[0, 8], A=E2),
    "piano": _style(4, 4, 58, 84, B=[0, 8], A=E2, C=[0]),
    "folk": _style(4, 4, 90, 130, C=[0, 4, 6, 10, 12, 14], B=[0, 8]),
    "country": _style(4, 4, 90, 130, K=[0, 8], S=[4, 12], B=[0, 8], C=[4, 12, 14], H=OFF),
    "shuffle": _style(4, 3, 90, 140, K=[0, 6], S=[3, 9], H=[0, 2, 3, 5, 6, 8, 9, 11], B=[0, 3, 6, 9], C=[0]),
    "swing": _style(4, 3, 120, 220, H=[0, 3, 5, 6, 9, 11], K=[0], B=[0, 3, 6, 9], C=[2, 6], A=[0, 2, 3, 5, 8, 11]),
    "swing_ride": _style(4, 3, 130, 230, H=[0, 3, 5, 6, 9, 11], S=[3, 9], B=[0, 3, 6, 9], C=[5, 9]),
    "swing_trio": _style(4, 3, 100, 190, H=[0, 3, 5, 6, 9, 11], B=[0, 3, 6, 9], C=[0, 5], A=[2, 3, 6, 8, 11]),
    "waltz": _style(3, 2, 90, 170, B=[0], C=[2, 4], K=[0], S=[2, 4]),
    "waltz_pick": _style(3, 2, 80, 140, B=[0], A=every(6, 1), C=[0]),
    "waltz_jazz": _style(3, 3, 120, 180, H=[0, 3, 5, 6, 8], K=[0], B=[0, 3, 6], C=[2, 6], S=[6]),
    "waltz_fast": _style(3, 2, 150, 200, B=[0], C=[2, 4], H=[2, 4]),
    "six8": _style(2, 3, 50, 76, K=[0], S=[3], H=every(6, 1), B=[0, 3], C=every(6, 1)),
    "six8_pick": _style(2, 3, 48, 72, B=[0, 3], A=every(6, 1)),
    "six8_folk": _style(2, 3, 46, 78, B=[0, 3], C=[0, 2, 3, 5]),
    "six8_rock": _style(2, 3, 45, 70, K=[0, 2], S=[3], H=every(6, 1), B=[0, 2, 3], G=[0, 3]),
    "six8_ballad": _style(2, 3, 44, 66, K=[0], S=[3], H=every(6, 1), B=[0], C=[0], A=every(6, 1)),
    "twelve8_slow": _style(4, 3, 48, 76, K=[0, 6], S=[3, 9], H=every(12, 1), B=[0, 6], C=every(12, 1)),
    "twelve8": _style(4, 3, 54, 80, K=[0, 5, 6], S=[3, 9], H=every(12, 1), B=[0, 2, 3, 6, 8, 9], C=[0]),
    "five4": _style(5, 2, 110, 175, K=[0, 3, 6], S=[4, 8], H=every(10, 2), B=[0, 3, 6, 8], C=[0, 3, 6]),
    "five4_even": _style(5, 2, 100, 160, K=[0, 6], S=[2, 8], H=every(10, 1), B=[0, 6], C=[0, 6]),
    "seven4": _style(7, 2, 110, 170, K=[0, 4, 8], S=[2, 6, 12], H=every(14, 1), B=[0, 4, 8, 11], C=[0]),
    "march": _style(2, 4, 100, 126, K=[0], S=[4, 6, 7], B=[0, 4], C=[2, 6], H=[4]),
    "half_time": _style(4, 4, 120, 150, K=[0, 6], S=[8], H=E2, B=E2, C=[0]),
    "half_time_riff": _style(4, 4, 120, 150, K=[0, 6, 10], S=[8], H=E2, B=E2, G=E2),
    "funk_push": _style(4, 4, 88, 118, K=[0, 10], S=[4, 12], H=every(16, 1), B=[0, 3, 6, 7, 10, 14], C=[3, 7, 11, 15]),
    "funk_dense": _style(4, 4, 90, 116, K=[0, 2, 3, 6, 10, 13], S=[4, 7, 9, 12, 15], H=every(16, 1), B=[0, 2, 3, 7, 8, 10, 11, 14], C=[1, 4, 7, 10, 13]),
    "funk_late_chords": _style(4, 4, 92, 112, K=[0, 7, 8], S=[4, 12], H=every(16, 1), B=[0, 4, 7, 8, 14], C=[1, 3, 9, 11, 14]),
    "soul": _style(4, 4, 90, 128, K=[0, 6, 8], S=E4, H=E2, B=[0, 3, 4, 8, 11, 12], C=[4, 12]),
    "soul_slow": _style(4, 4, 62, 92, K=[0, 7, 8], S=[4, 12], H=E2, B=[0, 6, 7, 8], C=[0, 8], A=[2, 6, 10, 14]),
    "rnb": _style(4, 4, 60, 84, K=[0, 3, 6, 10], S=[4, 12], H=E2, B=[0, 3, 10], C=[0, 6]),
    "bossa_clave": _style(4, 4, 105, 150, B=[0, 8], C=[0, 3, 6, 10, 12]),
    "bossa_off": _style(4, 4, 105, 150, B=[0, 6, 8, 14], C=[2, 6, 10, 14]),
    "samba": _style(2, 4, 90, 130, K=[0, 3, 4, 7], S=[2, 5, 7], H=every(8, 1), B=[0, 4, 7], C=[0, 3, 6]),
    "cha_cha": _style(4, 4, 105, 135, K=[0, 8], S=[12, 14], H=E4, B=[0, 6, 12], C=[0, 4, 8, 12]),
    "montuno": _style(4, 4, 160, 215, H=E2, S=[4, 12], B=[6, 12], A=[0, 2, 5, 6, 9, 10, 13, 14], C=[0, 6, 10]),
    "reggaeton": _style(4, 4, 84, 104, K=E4, S=[3, 6, 11, 14], H=E2, B=[0, 6, 8, 14], C=[0]),
    "reggae_steppers": _style(4, 4, 66, 90, K=E4, S=[8], H=E2, B=[0, 2, 6, 8, 10], C=[2, 6, 10, 14]),
    "reggae_fast": _style(4, 2, 132, 180, K=[4], S=[4], H=every(8, 1), B=[0, 3, 4, 6], C=[1, 3, 5, 7]),
    "dubstep": _style(4, 4, 136, 146, K=[0, 6], S=[8], H=E2, B=[0, 3, 6, 10, 12], C=[0]),
    "two_step": _style(4, 4, 126, 138, K=[0, 10], S=[4, 12], H=[2, 3, 6, 7, 10, 11, 14, 15], B=[0, 3, 10], C=[2, 10]),
    "electro": _style(4, 4, 110, 132, K=[0, 6, 10], S=[4, 12], H=every(16, 1), B=every(16, 1), C=[0, 8]),
    "trance": _style(4, 4, 128, 142, K=E4, H=OFF, B=[2, 4, 6, 10, 12, 14], A=every(16, 1), C=[0]),
    "boom_bap": _style(4, 4, 82, 98, K=[0, 5, 10], S=[4, 12], H=E2, B=[0, 5, 10], A=[0, 3, 8]),
    "trap_slow": _style(4, 4, 60, 80, K=[0, 5, 7, 10], S=[8], H=[0, 2, 4, 5, 6, 8, 10, 12, 13, 14, 15], B=[0, 7, 10], A=[0, 6, 8, 14]),
    "pop_straight": _style(4, 4, 92, 128, K=[0, 8], S=[4, 12], H=E2, B=E2, C=[0, 4, 8, 12]),
    "pop_acoustic": _style(4, 4, 84, 124, C=[0, 4, 6, 10, 11, 12, 14], K=[0, 8], S=[4, 12]),
    "strum": _style(4, 4, 84, 130, C=[0, 4, 6, 9, 10, 12, 14, 15]),
    "finger_pick": _style(4, 4, 66, 112, B=[0, 4, 8, 12], A=[2, 3, 6, 7, 10, 11, 14, 15]),
    "travis": _style(4, 4, 84, 128, B=E4, A=[2, 6, 7, 10, 14]),
    "train": _style(4, 4, 96, 132, S=every(16, 1), K=E4, B=[0, 8], C=[4, 12]),
    "two_beat": _style(4, 2, 150, 220, K=[0, 4], S=[2, 6], B=[0, 4], C=[2, 6]),
    "polka": _style(2, 4, 100, 132, B=[0, 4], C=[2, 6], K=[0, 4], S=[2, 6]),
    "bluegrass": _style(2, 4, 100, 140, B=[0, 4], C=[2, 6], A=every(8, 1)),
    "blues_shuffle": _style(4, 3, 84, 136, K=[0, 6], S=[3, 9], H=[0, 2, 3, 5, 6, 8, 9, 11], B=[0, 2, 3, 5, 6, 8, 9, 11], G=[0, 2, 3, 5, 6, 8, 9, 11]),
    "blues_slow": _style(4, 3, 50, 74, K=[0, 6], S=[3, 9], H=every(12, 1), B=[0, 3, 6, 9], A=[2, 4, 5, 8, 10, 11], C=[0]),
    "blues_guitar": _style(4, 3, 70, 120, B=[0, 3, 6, 9], A=[2, 3, 5, 8, 9, 11], C=[3, 9]),
    "swing_slow": _style(4, 3, 60, 116, H=[0, 3, 5, 6, 9, 11], B=[0, 3, 6, 9], C=[2, 8], A=[0, 2, 5, 8, 11]),
    "swing_big": _style(4, 3, 120, 200, K=[0, 3, 6, 9], S=[3, 9], H=[0, 3, 5, 6, 9, 11], B=[0, 3, 6, 9], C=[0, 2, 5, 8]),
    "swing_charleston": _style(4, 3, 110, 210, H=[0, 3, 5, 6, 9, 11], B=[0, 3, 6, 9], C=[0, 5], S=[3, 9]),
    "swing_piano": _style(4, 3, 90, 190, B=[0, 3, 6, 9], C=[2, 5, 9], A=[0, 2, 3, 5, 6, 8, 9, 11]),
    "swing_feel_two": _style(4, 3, 120, 200, H=[0, 3, 5, 6, 9, 11], B=[0, 6], C=[3, 9], A=[2, 5, 8, 11]),
    "waltz_arp": _style(3, 2, 76, 130, B=[0], A=every(6, 1)),
    "waltz_arp_down": _style(3, 4, 66, 104, B=[0], A=every(12, 2), C=[4, 8]),
    "waltz_ballad": _style(3, 4, 66, 104, K=[0], S=[8], H=every(12, 2), B=[0, 6], C=[0]),
    "waltz_country": _style(3, 2, 84, 132, K=[0], S=[2, 4], B=[0], C=[2, 4], A=[1, 3, 5]),
    "waltz_strings": _style(3, 2, 130, 200, B=[0], C=[2, 4], A=[0, 2, 3, 4]),
    "waltz_second": _style(3, 2, 90, 140, B=[0], C=[2], A=[0, 2, 4]),
    "nine8": _style(3, 3, 56, 104, K=[0], S=[3, 6], H=every(9, 1), B=[0, 3, 6], C=[0]),
    "jig": _style(2, 3, 96, 132, A=every(6, 1), B=[0, 3], C=[0, 3]),
    "six8_soul": _style(2, 3, 48, 74, K=[0, 2], S=[3], H=every(6, 1), B=[0, 2, 3, 5], C=[0, 3], A=[1, 4]),
    "twelve8_pop": _style(4, 3, 56, 82, K=[0, 6, 8], S=[3, 9], H=every(12, 1), B=[0, 6], C=[0, 3, 6, 9], A=[2, 5, 8, 11]),
    "five8": _style(5, 2, 150, 220, K=[0, 6], S=[4, 8], H=every(10, 2), B=[0, 6], A=every(10, 1)),
    "seven8": _style(7, 2, 165, 230, K=[0, 8], S=[4, 12], H=every(14, 2), B=[0, 4, 8, 12], C=[0, 8]),
    "seven8_folk": _style(7, 2, 150, 220, B=[0, 6, 10], C=[0, 6, 10], A=every(14, 1)),
    "six4": _style(6, 2, 100, 150, K=[0, 6], S=[4, 10], H=every(12, 1), B=[0, 3, 6], C=[0]),
    "classical_arp": _style(4, 4, 58, 112, B=[0, 8], A=E2),
    "classical_alberti": _style(4, 4, 84, 150, A=E2, C=[0], B=[0, 8]),
    "classical_quick": _style(4, 4, 110, 168, A=every(16, 1), C=[0, 8]),
    "chorale": _style(4, 2, 60, 104, C=[0, 2, 4, 6], B=[0, 2, 4, 6]),
    "strings_slow": _style(4, 4, 60, 100, C=[0, 8], B=[0, 4, 8, 12], A=[0, 6, 8, 12]),
    "orchestra_march": _style(2, 4, 100, 136, B=[0, 4], C=[0, 2, 4, 6], A=[0, 3, 4, 6, 7], S=[0, 2, 3, 4, 6, 7]),
    "metal_blast": _style(4, 4, 170, 225, K=E2, S=OFF, H=E4, G=E2, B=E2),
    "metal_doom": _style(4, 4, 60, 90, K=[0, 6, 8], S=[4, 12], H=E4, G=[0, 6, 8, 14], B=[0, 6, 8, 14]),
    "metal_thrash": _style(4, 4, 150, 215, K=[0, 4, 8, 12], S=[2, 6, 10, 14], H=E4, G=every(16, 1), B=E2),
    "rock_half": _style(4, 4, 122, 152, K=[0, 10], S=[8], H=E4, B=E2, G=[0, 8]),
    "rock_half_open": _style(4, 4, 120, 150, K=[0, 2, 10], S=[8], H=E4, B=[0, 2, 8, 10], G=[0, 2, 4, 6, 8, 10, 12, 14]),
    "rock_shout": _style(4, 4, 115, 160, K=[0, 4, 8, 12], S=[4, 12], H=E4, G=E2, B=E2),
    "rock_ballad_8": _style(4, 4, 62, 84, K=[0, 8, 10], S=[4, 12], H=E2, G=[0, 8], B=[0, 8], A=E2),
    "grunge": _style(4, 4, 96, 132, K=[0, 3, 8, 11], S=[4, 12], H=E4, G=[0, 3, 4, 6, 8, 11, 14], B=[0, 3, 8, 11]),
    "surf": _style(4, 4, 140, 180, K=[0, 8], S=[4, 6, 12], H=E2, B=E4, A=every(16, 1)),
    "rockabilly": _style(4, 3, 150, 215, K=[0, 6], S=[3, 9], H=[0, 2, 3, 5, 6, 8, 9, 11], B=[0, 3, 6, 9], C=[3, 9]),
    "new_orleans": _style(4, 4, 84, 112, K=[0, 6, 11], S=[3, 4, 7, 10, 12, 15], B=[0, 6, 8, 14], C=[2, 6, 10, 14]),
    "afrobeat": _style(4, 4, 100, 126, K=[0, 6, 10], S=[4, 11, 12], H=[0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15], B=[0, 3, 6, 11, 14], C=[2, 5, 10, 13]),
    "a_capella_groove": _style(4, 4, 80, 120, A=[0, 3, 4, 8, 11, 12], B=[0, 8]),
}  # fmt: skip
