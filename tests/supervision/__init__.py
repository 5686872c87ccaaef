"""Tests of bridge.supervision."""
