"""What must hold before a verb may go on, and who may change it."""
