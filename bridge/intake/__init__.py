"""First station: what a door was told, checked, stripped of contact data and chained before anything acts on it."""
