"""Tests of what the operator may command."""
