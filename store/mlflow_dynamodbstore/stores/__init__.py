"""The stores that MLflow is given."""
