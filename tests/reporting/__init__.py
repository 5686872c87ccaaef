"""Tests of bridge.reporting."""
