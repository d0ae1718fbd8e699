"""Where objects come from: one file for each kind."""
