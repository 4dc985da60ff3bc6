"""madmom's networks without madmom: its 0.16.1 source archive is converted on the user's machine and run by onnxruntime.

Böck et al.: madmom, a new Python audio and music signal processing library (ACM Multimedia 2016). Its code is BSD-2-Clause, its networks
are CC BY-NC-SA 4.0: converting is adapting, so neither the archive nor what comes out of it is ever shipped.
"""

from sideman.core.analysis.backends.madmom.archive import convert
from sideman.core.analysis.backends.madmom.engine import MadmomBeats, MadmomEngine, MadmomNotes

__all__ = ["MadmomBeats", "MadmomEngine", "MadmomNotes", "convert"]
