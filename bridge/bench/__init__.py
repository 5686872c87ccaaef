"""Benches: each module measures one door against a named peer, in one process (`./anxue bench NAME`)."""
