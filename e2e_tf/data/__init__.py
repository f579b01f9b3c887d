"""Data: jets, readers, features, preprocessing, graphs and the loader."""
