"""Beside the line: institutions and their cities, outlines, courses, class runs, enrolments, platforms."""
