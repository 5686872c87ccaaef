"""Our tool against implementations that are not ours, over real HTTP; each peer stands in its own environment."""
