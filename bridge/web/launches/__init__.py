"""What a launch does in the bridge, one module for each kind of message."""
