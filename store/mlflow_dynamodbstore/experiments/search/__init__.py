"""Searching experiments."""
