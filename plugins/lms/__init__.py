"""What platforms can do beyond LTI, one file for each kind of platform."""
