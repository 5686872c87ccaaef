"""Looks for given strings in everything that a bridge has written: proof that what must not be kept is not kept."""
