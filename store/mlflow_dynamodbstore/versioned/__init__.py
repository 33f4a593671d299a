"""Named things with versions, aliases and tags: what all of their kinds have in common."""
