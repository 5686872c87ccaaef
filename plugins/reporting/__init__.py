"""Regulators' feeds, one folder each."""
