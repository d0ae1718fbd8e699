"""How somebody is told: a program's standard input, or a signed request; and what waits for it."""
