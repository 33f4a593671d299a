"""MLflow's tracking backend on DynamoDB."""
