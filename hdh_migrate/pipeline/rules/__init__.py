"""What the plan means for one object: moved or not, by which rule, and what travels beside it."""
