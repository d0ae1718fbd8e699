"""What a run would come to, before anything is written."""
