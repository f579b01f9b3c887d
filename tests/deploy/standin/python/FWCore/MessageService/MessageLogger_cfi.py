"""The logger of every job."""
