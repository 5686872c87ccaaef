"""Supervision: what an authority sees of its own area, and nothing of another's."""
