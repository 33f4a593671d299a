"""Searching logged models."""
