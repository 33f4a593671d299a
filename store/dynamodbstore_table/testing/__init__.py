"""What tests and benchmarks measure a table with."""
