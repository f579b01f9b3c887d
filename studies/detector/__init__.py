"""Networks and boosted trees on the same detector objects and on particle flow; see ``__main__``."""
