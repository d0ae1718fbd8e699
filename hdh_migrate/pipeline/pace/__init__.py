"""How fast work goes, how fast it may, and what was exchanged while it went."""
