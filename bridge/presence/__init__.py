"""Third station: proof that the person who studies is there, by sessions, beats and face checks."""
