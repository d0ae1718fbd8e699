"""One verb on one plan each: what the command line calls."""
