"""Instruments, voices, drums and rooms made of oscillators and noise: no samples, so nothing to license."""
