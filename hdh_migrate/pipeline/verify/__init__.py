"""Give what was sent its verdict, from bytes that are read back."""
