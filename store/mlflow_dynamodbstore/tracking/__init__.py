"""The tracking store, one file for each entity."""
