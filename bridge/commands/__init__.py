"""What the operator may command: a file for each group of `./anxue`; each asks the wiring, none decides."""
