"""Base types, the unit of work, and the outbox and job rows that travel in it."""
