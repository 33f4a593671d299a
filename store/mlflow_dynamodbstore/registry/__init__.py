"""MLflow's model registry on the table."""
