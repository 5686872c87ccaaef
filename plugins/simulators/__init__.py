"""Simulators of outside systems, each a process of its own that says on its face what it is. Never in production."""
