"""Holders of the master key beside the file of this machine."""
