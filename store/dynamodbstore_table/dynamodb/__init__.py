"""The Table on DynamoDB: boto3, expressions, retries, errors."""
