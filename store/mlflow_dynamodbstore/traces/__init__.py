"""Traces: their spans, tags, metadata and assessments."""
