"""Adapters: one outside system, one place. They import the bridge; the bridge loads them by name."""
