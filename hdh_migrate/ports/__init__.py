"""What the pipeline asks of the outside world; adapters translate, the pipeline sees only this."""
