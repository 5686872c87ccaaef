"""The packs that ship, and the cases that stand beside them."""
