"""The Table in one SQLite file."""
