"""Quark against gluon jets: data sets, networks and trees; see ``__main__``."""
