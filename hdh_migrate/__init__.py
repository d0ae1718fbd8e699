"""Move sensitive datasets from one cloud to another, with proof."""

__version__ = "0.1.0"
