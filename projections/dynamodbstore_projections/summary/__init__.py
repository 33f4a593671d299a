"""The summary projection."""
