"""Completion: whether a test counts, whether a learner is done, and the two papers that say so."""
