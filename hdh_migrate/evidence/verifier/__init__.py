"""What checks a bundle alone: these files travel in every bundle (see verify.py)."""
