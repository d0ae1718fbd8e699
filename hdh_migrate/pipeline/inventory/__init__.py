"""What there is to move: listed, counted again, frozen, listed anew, amended."""
