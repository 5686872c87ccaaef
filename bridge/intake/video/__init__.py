"""The xAPI video profile: what a player says was watched, checked and read as claims; it credits nothing."""
