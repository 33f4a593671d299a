"""AWS Lambda functions that keep the projections from the table's stream."""
