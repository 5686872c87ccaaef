"""Formats of sealed files."""
