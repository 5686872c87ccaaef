"""People look again at checks that machines decided: two of them, with a learner's appeal, and an end that is final."""
