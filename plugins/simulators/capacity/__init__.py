"""A simulation of the bridge at a province's size: made-up load, service times measured on this machine."""
