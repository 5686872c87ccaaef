"""The tests mirror the code; contracts/: a suite per port; attacks/: what an opponent tries; e2e/."""
