"""Database versions, oldest first, in versions/."""
