"""Real-name providers: who says that a name and a citizen id belong together."""
