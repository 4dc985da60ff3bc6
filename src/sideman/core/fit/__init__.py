"""Does a stem fit a recording? Two sounds and a role in, a FitReport out; nothing of any analysis enters the score."""

from sideman.core.fit.conform import ConformWish, Meeting, Placement, beat_readings, place
from sideman.core.fit.faults import Fault
from sideman.core.fit.figures import FitFigures
from sideman.core.fit.judge import ACCEPT, WARN, FitReport, Verdict, judge, suspect_analysis, with_figures
from sideman.core.fit.listening import Heard, listen

__all__ = [
    "ACCEPT",
    "WARN",
    "ConformWish",
    "Fault",
    "FitFigures",
    "FitReport",
    "Heard",
    "Meeting",
    "Placement",
    "Verdict",
    "beat_readings",
    "judge",
    "listen",
    "place",
    "suspect_analysis",
    "with_figures",
]
