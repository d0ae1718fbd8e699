"""What is told of a migration: to people, to evidence, to other programs."""
