"""The load, by process: pytest's side, a generator's, and what the two speak."""
