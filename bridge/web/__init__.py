"""The edge: Flask blueprints that parse, call one service and render. What they would decide has a home in a station."""
