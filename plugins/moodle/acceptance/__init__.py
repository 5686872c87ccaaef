"""`./anxue acceptance moodle`: the plugins against a real Moodle, over HTTP and its own command-line scripts."""
