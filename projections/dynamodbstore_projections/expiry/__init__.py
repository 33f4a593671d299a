"""The expiry projection, and the sweep of what has expired."""
