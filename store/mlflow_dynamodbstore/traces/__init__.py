"""Traces, which can't be kept yet."""
