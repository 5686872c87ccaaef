"""The edge: Flask blueprints parse, call one service, render. What they would decide has a home in a station."""
