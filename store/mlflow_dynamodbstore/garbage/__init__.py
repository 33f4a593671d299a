"""What `mlflow gc` calls."""
