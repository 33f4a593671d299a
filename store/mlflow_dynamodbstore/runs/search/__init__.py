"""Searching runs."""
