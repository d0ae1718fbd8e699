"""Where orders are performed: one file for each kind of engine."""
