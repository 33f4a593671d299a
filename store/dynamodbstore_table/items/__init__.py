"""The forms of items that the store and the projections share."""
