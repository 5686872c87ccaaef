"""Face engines, their measurement, and photographs made at run time for demonstration and tests."""
