"""Stream handlers for AWS Lambda; they arrive with the projections."""
