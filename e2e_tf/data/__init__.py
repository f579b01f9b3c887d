"""Data: jets, readers, schema, preprocessing, graphs and the loader."""
