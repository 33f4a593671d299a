"""A small typed port over one DynamoDB-shaped table, with one folder for each adapter."""
