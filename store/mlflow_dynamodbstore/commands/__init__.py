"""The subcommands of ``mlflow-dynamodbstore``, one a module."""
