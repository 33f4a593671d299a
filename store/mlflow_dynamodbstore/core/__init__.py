"""What every part of the stores uses."""
