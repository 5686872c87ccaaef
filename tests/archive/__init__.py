"""Tests of bridge.archive."""
