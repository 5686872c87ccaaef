"""CATAPULT's LMS test suite (ADL) against a bridge of its own."""
