"""The ttl projection."""
