"""The Moodle side: three plugins in PHP (GPL 3) and, in Python, their acceptance on a real Moodle."""
