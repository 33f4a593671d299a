"""Logged models."""
