"""The language that every part of the project shares: item keys, entity names, change events."""
