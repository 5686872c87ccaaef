"""Blob stores: where the vault's ciphertext lies."""
