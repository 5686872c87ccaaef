"""cmi5: structures, packages, the rules on statements, and moveOn."""
