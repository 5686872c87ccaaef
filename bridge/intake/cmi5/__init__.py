"""cmi5 (Quartz, 1st edition): course structures, launches, sessions and moveOn; what comes of them are claims."""
