"""Read-only views of a migration: for people, for evidence, for other programs."""
