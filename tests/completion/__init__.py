"""Tests of bridge.completion."""
