"""The Library of Congress's BagIt conformance suite: somebody else's judgement. Never part of this repository."""
