"""Give a batch up at the source, object by object, on evidence looked at again."""
