"""Real servers for tests, each in a temporary folder on a free port of loopback; a missing one fails."""
