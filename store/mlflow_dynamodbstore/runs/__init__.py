"""Runs: what is logged to them, and reading it."""
