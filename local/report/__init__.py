"""The demo's report: one HTML file, and one with the boards. No network."""

from local.report.boards import record, write_boards
from local.report.page import write_report

__all__ = ["record", "write_boards", "write_report"]
