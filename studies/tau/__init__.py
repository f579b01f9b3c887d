"""The tau study: rows, samples, trainings and the report; see ``__main__``."""
