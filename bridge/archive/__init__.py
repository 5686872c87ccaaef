"""Archive: one sealed file for each learner and class run, with the seven items of article 26."""
