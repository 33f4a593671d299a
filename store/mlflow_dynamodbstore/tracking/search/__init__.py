"""Search: plans are values, execution reads as little as the plan allows."""
