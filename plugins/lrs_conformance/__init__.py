"""The ADL LRS conformance suite: somebody else's judgement on the xAPI door. Never part of this repository."""
