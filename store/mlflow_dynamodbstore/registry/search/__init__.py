"""Searching the registry: registered models, model versions, and prompts among them."""
