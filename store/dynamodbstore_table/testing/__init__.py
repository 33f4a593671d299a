"""For tests and benchmarks: a meter of requests and capacity, and the cases of the contract."""
