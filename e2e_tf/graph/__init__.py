"""Graphs: the batch type, the builders of edges, and nodes from images.

Nothing here imports TensorFlow or Spektral, nor numba before a builder is called.
"""

from __future__ import annotations

from e2e_tf.graph._check import edges_per_graph
from e2e_tf.graph.batch import GraphBatch, concatenate
from e2e_tf.graph.delaunay import DELAUNAY_RESOLUTION, delaunay, to_lattice
from e2e_tf.graph.edges import WRAPPED, NodeSpace, build_edges
from e2e_tf.graph.erum import image_adjacency, knn_adjacency, mother_adjacency
from e2e_tf.graph.full import full
from e2e_tf.graph.grid import grid, grid8
from e2e_tf.graph.image import HIT_CHANNELS, PixelNodes, hit_nodes, image_nodes
from e2e_tf.graph.knn import knn
from e2e_tf.graph.laplacian import scaled_laplacian, scaled_laplacian_dense
from e2e_tf.graph.parents import parent_daughter
from e2e_tf.graph.radius import radius
from e2e_tf.graph.spec import KINDS, GraphSpec
from e2e_tf.graph.spektral import from_spektral_graphs
from e2e_tf.graph.union import sort_edges, union

__all__ = [
    "DELAUNAY_RESOLUTION",
    "HIT_CHANNELS",
    "KINDS",
    "WRAPPED",
    "GraphBatch",
    "GraphSpec",
    "NodeSpace",
    "PixelNodes",
    "build_edges",
    "concatenate",
    "delaunay",
    "edges_per_graph",
    "from_spektral_graphs",
    "full",
    "grid",
    "grid8",
    "hit_nodes",
    "image_adjacency",
    "image_nodes",
    "knn",
    "knn_adjacency",
    "mother_adjacency",
    "parent_daughter",
    "radius",
    "scaled_laplacian",
    "scaled_laplacian_dense",
    "sort_edges",
    "to_lattice",
    "union",
]
