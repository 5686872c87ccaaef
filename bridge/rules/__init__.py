"""The law as dated data: packs, profiles, decisions with their reasons."""
