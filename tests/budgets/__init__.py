"""What the operations cost on DynamoDB, held to the budgets."""
