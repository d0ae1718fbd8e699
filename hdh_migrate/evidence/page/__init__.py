"""The report for people, in French and English, made from the statement alone."""
