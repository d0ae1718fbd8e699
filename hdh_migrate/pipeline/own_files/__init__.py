"""Files that the tool adds to a dataset: header packs and sidecars."""
