"""Does a stem fit a recording? Two sounds and a role in, a FitReport out; nothing of any analysis enters the score."""

from sideman.core.fit.faults import Fault
from sideman.core.fit.figures import figures
from sideman.core.fit.judge import ACCEPT, WARN, FitFigures, FitReport, Verdict, judge, suspect_analysis, with_figures
from sideman.core.fit.listening import Heard, listen

__all__ = [
    "ACCEPT",
    "WARN",
    "Fault",
    "FitFigures",
    "FitReport",
    "Heard",
    "Verdict",
    "figures",
    "judge",
    "listen",
    "suspect_analysis",
    "with_figures",
]
