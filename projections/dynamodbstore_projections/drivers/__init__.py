"""Where change events come from: inline, replay; with their sources and checkpoint."""
