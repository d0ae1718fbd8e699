"""How notices are delivered, to a program or by a signed request, and what waits for it."""
