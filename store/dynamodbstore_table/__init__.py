"""A small typed port over one DynamoDB-shaped table, with one file for each adapter."""
