"""The gate before a test: who is there is checked first, and the agent stays beside the test while it runs."""
