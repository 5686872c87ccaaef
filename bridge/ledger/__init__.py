"""Seconds (秒): what the server saw of each learner's study, chained, and what of it counts."""
