"""What a worker does with one order: read, seal, send, read back, compare."""
