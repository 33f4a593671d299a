"""Projections of the canonical items; they arrive with the stream processors."""
