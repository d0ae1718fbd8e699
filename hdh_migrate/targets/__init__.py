"""Where objects go: the S3 adapter and the provider profiles."""
