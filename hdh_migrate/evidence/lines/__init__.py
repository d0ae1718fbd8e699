"""What a bundle holds: lines, counts over them, their order, proofs, and the statement."""
