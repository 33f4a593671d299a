"""The tags projection."""
