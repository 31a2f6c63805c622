"""The demo's report: one HTML file, no network."""

from local.report.page import write_report

__all__ = ["write_report"]
