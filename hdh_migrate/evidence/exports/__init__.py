"""Evidence in other forms, for other people's tools and for eyes that may not see names."""
