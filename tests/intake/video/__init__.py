"""The xAPI video profile."""
