"""Rehearsals of the feed against the simulator, with made-up people: the faults' acceptance, kills, the bench."""
