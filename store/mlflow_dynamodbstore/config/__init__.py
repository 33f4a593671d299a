"""The configuration of a store: reconciled when a server starts, and changed by operators."""
