"""A simulator of the provincial supervision system's intake: not the real one, its rules are our guess."""
