"""Reporting: batches to the regulator, every attempt and every receipt kept, a verdict for each record."""
