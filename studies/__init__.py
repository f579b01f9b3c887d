"""Studies of physics with the library: each a package that runs by its name, with its results beside it.

They are in the repository and the source distribution, not in the wheel.
"""
