"""What evaluates models and traces, which can't be kept yet."""
