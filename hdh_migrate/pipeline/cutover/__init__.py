"""The cutover of one batch: the story sees ports only, and its state is a fold over the journal."""
