"""Graph layers for Keras 3: Spektral's names, weights and numbers, written so that they export.

Importing this module registers every layer, so that ``keras.models.load_model`` finds them in safe mode.
"""

from __future__ import annotations

from e2e_tf.layers.blocks import DisjointToBlocks
from e2e_tf.layers.cheb_conv import ChebConv
from e2e_tf.layers.gat_conv import GATConv
from e2e_tf.layers.global_pool import GlobalAvgPool
from e2e_tf.layers.scaled_laplacian import ScaledLaplacian

__all__ = ["ChebConv", "DisjointToBlocks", "GATConv", "GlobalAvgPool", "ScaledLaplacian"]
