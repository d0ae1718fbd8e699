"""What the journal tells, folded from its events: no table, no request."""
