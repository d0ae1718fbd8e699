"""The embedded demonstration: real servers on loopback and a synthetic corpus, nothing else."""
