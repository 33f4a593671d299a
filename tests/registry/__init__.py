"""The model registry of a store that keeps none yet."""
