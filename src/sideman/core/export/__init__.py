"""Results as files for people and programs: the report page and its data, and the song for a sequencer."""

from sideman.core.export.dawproject import Project, ProjectTrack, write_project
from sideman.core.export.report import FitRow, ReportFacts, ReportLane, facts_json, write_report_html, write_report_json

__all__ = [
    "FitRow",
    "Project",
    "ProjectTrack",
    "ReportFacts",
    "ReportLane",
    "facts_json",
    "write_project",
    "write_report_html",
    "write_report_json",
]
