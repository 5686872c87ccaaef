"""What outside libraries make of course material."""
