"""Packs, profiles and decisions."""
