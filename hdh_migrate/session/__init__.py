"""One verb on one plan: what the command line calls, free of any rendering."""
