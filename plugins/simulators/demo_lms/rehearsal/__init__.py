"""Rehearsal: launches that are wrong in one thing each, played against a tool, and what the tool made of them.

The cases are those of the security case list that a platform or an attacker can produce. They are made here anew,
without `lti/`, so that a mistake in the library cannot hide in its own examiner.
"""
