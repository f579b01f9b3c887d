"""What the store of the fixture ``store_path`` holds."""

from __future__ import annotations

from e2e_tf.data.graphs import GraphRecipe

__all__ = ["RECIPE", "N"]

RECIPE = GraphRecipe(nodes="candidates", edges="knn:3", max_nodes=12)
N = 70
