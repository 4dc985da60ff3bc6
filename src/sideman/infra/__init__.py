"""Floor 2: what must survive a restart, and what the outside sets."""
