"""Finds indicators in running text: chat messages, logs, reports."""

from vt.extract.scanner import MAX_CANDIDATES, extract

__all__ = ["MAX_CANDIDATES", "extract"]
