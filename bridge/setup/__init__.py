"""What stands before the bridge runs: assets by hash, the checks of `./anxue test`. No station imports it."""
