"""Graph layers for Keras 3: Spektral's names, parameters and numbers, written so that they export.

Importing this module registers every layer, so that ``keras.models.load_model`` finds them in safe mode.
"""

from __future__ import annotations

from e2e_tf.layers.auxiliary_loss import AuxiliaryLoss
from e2e_tf.layers.blocks import DisjointToBlocks
from e2e_tf.layers.cell_summaries import CellSummaries
from e2e_tf.layers.channel_scale import ChannelScale
from e2e_tf.layers.cheb_conv import ChebConv
from e2e_tf.layers.dynamic_edge_conv import DynamicEdgeConv
from e2e_tf.layers.edge_conv import EdgeConv
from e2e_tf.layers.edge_score import EdgeScore
from e2e_tf.layers.embedding import Embedding
from e2e_tf.layers.face_relations import FaceRelations
from e2e_tf.layers.feature_momenta import FeatureMomenta
from e2e_tf.layers.gat_conv import GATConv
from e2e_tf.layers.gat_v2_conv import GATv2Conv
from e2e_tf.layers.gcn_conv import GCNConv
from e2e_tf.layers.gin_conv import GINConv
from e2e_tf.layers.global_attention_pool import GlobalAttentionPool
from e2e_tf.layers.global_attn_sum_pool import GlobalAttnSumPool
from e2e_tf.layers.global_avg_pool import GlobalAvgPool
from e2e_tf.layers.global_max_pool import GlobalMaxPool
from e2e_tf.layers.global_sum_pool import GlobalSumPool
from e2e_tf.layers.gradient_reversal import GradientReversal
from e2e_tf.layers.graph_context import GraphContext
from e2e_tf.layers.graph_sage_conv import GraphSageConv
from e2e_tf.layers.gravnet_conv import GravNetConv
from e2e_tf.layers.interaction_conv import InteractionConv
from e2e_tf.layers.kind_dense import KindDense
from e2e_tf.layers.momentum_pool import MomentumPool
from e2e_tf.layers.normalized_adjacency import NormalizedAdjacency
from e2e_tf.layers.pair_features import PairFeatures
from e2e_tf.layers.particle_attention import ParticleAttention
from e2e_tf.layers.raw_features import RawFeatures
from e2e_tf.layers.scaled_laplacian import ScaledLaplacian

__all__ = [
    "AuxiliaryLoss",
    "CellSummaries",
    "ChannelScale",
    "ChebConv",
    "DisjointToBlocks",
    "DynamicEdgeConv",
    "EdgeConv",
    "EdgeScore",
    "Embedding",
    "FaceRelations",
    "FeatureMomenta",
    "GATConv",
    "GATv2Conv",
    "GCNConv",
    "GINConv",
    "GlobalAttentionPool",
    "GlobalAttnSumPool",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GlobalSumPool",
    "GradientReversal",
    "GraphContext",
    "GraphSageConv",
    "GravNetConv",
    "InteractionConv",
    "KindDense",
    "MomentumPool",
    "NormalizedAdjacency",
    "PairFeatures",
    "ParticleAttention",
    "RawFeatures",
    "ScaledLaplacian",
]
