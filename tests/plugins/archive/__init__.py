"""Tests of plugins.archive."""
