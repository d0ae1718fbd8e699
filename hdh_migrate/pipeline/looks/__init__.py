"""Look again at what was verified, and mend what the target lost."""
