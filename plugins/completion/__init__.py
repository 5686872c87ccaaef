"""Printers of papers."""
