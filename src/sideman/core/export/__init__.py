"""Results as files for people and programs: the report page and its data."""

from sideman.core.export.report import FitRow, ReportFacts, ReportLane, facts_json, write_report_html, write_report_json

__all__ = ["FitRow", "ReportFacts", "ReportLane", "facts_json", "write_report_html", "write_report_json"]
