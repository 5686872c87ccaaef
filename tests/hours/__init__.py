"""Tests of hours: class hours."""
