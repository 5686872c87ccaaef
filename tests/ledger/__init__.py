"""Tests of the ledger: seconds."""
