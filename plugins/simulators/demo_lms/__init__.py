"""Simulator of a learning platform: a small but strict LTI 1.3 platform with slides and a quiz.

It is no real system and says so on every page. It runs as its own process (`python -m
plugins.simulators.demo_lms`), shares nothing with the bridge but HTTP, and imports nothing of `lti/`, so
that a mistake made in one of the two cannot hide in the other. See README.md in this folder.
"""
