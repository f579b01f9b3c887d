"""What the library costs beside others: scripts that run by their names, ``python -m benchmarks.layers``.

Their tables stand in ``docs/benchmarks.md``; studies of physics are in ``studies``.
"""
