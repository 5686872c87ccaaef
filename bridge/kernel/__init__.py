"""Nouns that every station shares. Standard library only."""
