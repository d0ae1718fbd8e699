"""Parse, call, render: the only place that prints or turns errors into exit codes."""
