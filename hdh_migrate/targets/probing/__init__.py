"""Finds out what an S3 host really does, by trying it under one throw-away prefix."""
