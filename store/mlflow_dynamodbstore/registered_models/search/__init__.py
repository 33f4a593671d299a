"""Searching registered models and their versions."""
