"""Plausible bugs for tests/mutate.py: where, what, and the tests that should catch each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A bug.

    Attributes:
        name: what is wrong then, in a few words.
        file: from the root.
        edits: texts that occur once in the file, and what replaces them.
        tests: files or tests below ``tests/``.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


def bug(name: str, file: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, f"e2e_tf/{file}.py", ((old, new),), tests)


NET = "models/test_particle_net.py::test_is_that_of_the_paper[graph-particle_net]"
GAT = "models/test_gat_cheb.py::test_is_that_of_the_papers[{}]"
PART = "models/test_particle_attention.py::test_is_that_of_the_paper_but_for_what_it_says"
PUBLISHED = "parity/test_models.py::test_particle_transformer_of_weaver"
SETS = "models/test_deep_sets.py::test_is_that_of_the_paper"
DETECTOR = "models/test_detector_net.py::test_is_that_of_the_paper[edges-mean]"
INTERACTION = "layers/test_interaction_conv.py::test_hand_computed"
FACE = "layers/test_face_relations.py::test_hand_computed"
AUXILIARY = "layers/test_auxiliary_loss.py"
LEARNT = "models/test_auxiliary.py"
GRAPH_NET = "models/test_graph_net.py::test_is_that_of_the_paper[{}]"
CNN = "models/test_quark_gluon_cnn.py::test_is_that_of_the_docstring"

MUTATIONS = (
    # --- models
    bug(
        "particle_net without shortcuts",
        "models/particle_net",
        "(y + shortcut * slots)",
        "(y)",
        NET,
    ),
    Mutation(
        "particle_net: neighbours of later blocks searched in the inputs",
        "e2e_tf/models/particle_net.py",
        (
            ("(x, mask=real) * slots\n", "(x, mask=real) * slots\n    first = x\n"),
            ("else [x, mask]", "else [x, first, mask]"),
        ),
        (NET,),
    ),
    bug(
        "particle_net: padding counts in the normalisation of the inputs",
        "models/particle_net",
        'name="normalise")(x, mask=real)',
        'name="normalise")(x)',
        NET,
    ),
    bug(
        "particle_net: padding counts in the shortcut's normalisation",
        "models/particle_net",
        "(shortcut, mask=real)",
        "(shortcut)",
        NET,
    ),
    bug(
        "particle_net: maximum over the neighbours",
        "models/particle_net",
        'k=s.k, aggregate="mean"',
        'k=s.k, aggregate="max"',
        NET,
    ),
    bug(
        "particle_net: dropout is never applied",
        "models/particle_net",
        "Dropout(s.dropout",
        "Dropout(0.0",
        "models/test_particle_net.py::test_dropout",
    ),
    bug(
        "gat_cheb: raw adjacency in the Chebyshev layers",
        "models/gat_cheb",
        "([x, laplacian])",
        "([x, a if s.layout == 'blocks' else laplacian])",
        GAT.format({}),
    ),
    bug(
        "gat_cheb: no activation after the Chebyshev layers",
        "models/gat_cheb",
        'K=s.cheb_order, activation="relu"',
        "K=s.cheb_order",
        GAT.format({}),
    ),
    bug(
        "gat_cheb: no dropout of attention",
        "models/gat_cheb",
        "dropout_rate=s.dropout",
        "dropout_rate=0.0",
        "models/test_gat_cheb.py::test_dropout_of_attention",
    ),
    bug(
        "gat_cheb: dropout after dense layers has half its rate",
        "models/gat_cheb",
        "Dropout(s.dropout",
        "Dropout(s.dropout / 2",
        "models/test_gat_cheb.py::test_dropout",
    ),
    bug(
        "particle_attention: pairs are left out",
        "models/particle_attention",
        "([y, pairs, mask])",
        "([y, 0 * pairs, mask])",
        PART,
    ),
    bug(
        "particle_attention: no residual around the feed-forward network",
        "models/particle_attention",
        "return h + keras.layers.Dropout",
        "return keras.layers.Dropout",
        PART,
    ),
    bug(
        "particle_attention: attention of nodes that are not normalised",
        "models/particle_attention",
        "([y, pairs, mask])",
        "([x, pairs, mask])",
        PART,
    ),
    bug(
        "particle_attention: dropout in the feed-forward network is never applied",
        "models/particle_attention",
        'Dropout(s.dropout, name=f"{name}_dropout_1")',
        'Dropout(0.0, name=f"{name}_dropout_1")',
        "models/test_particle_attention.py::test_places_of_dropout",
    ),
    bug(
        "published: the class token is normalised before it asks",
        "models/part_published",
        "attend(token, both",
        "attend(both[:, :1], both",
        PUBLISHED,
    ),
    bug(
        "published: the residual's factors stand on the other branch",
        "models/part_published",
        'return y + ChannelScale(s.width, name=f"{name}_residual")(h)',
        'return ChannelScale(s.width, name=f"{name}_residual")(y) + h',
        PUBLISHED,
    ),
    bug(
        "published: padding counts in the normalisation of pairs",
        "models/part_published",
        "(pairs, mask=counted)",
        "(pairs)",
        "models/test_part_published.py::test_padding_takes_no_part_in_the_statistics",
    ),
    bug(
        "published: pairs count twice in their normalisation",
        "models/part_published",
        'if s.pairs != "graph":',
        "if False:",
        "models/test_part_published.py::test_padding_takes_no_part_in_the_statistics",
    ),
    bug(
        "published: padding counts in the normalisation of inputs",
        "models/part_published",
        '(name="input_norm", **_BATCH_NORM)(x, mask=real)',
        '(name="input_norm", **_BATCH_NORM)(x)',
        "models/test_part_published.py::test_padding_takes_no_part_in_the_statistics",
    ),
    bug(
        "published: LayerNorm with Keras' epsilon",
        "models/part_published",
        '_LAYER_NORM = {"epsilon": 1e-5}',
        '_LAYER_NORM = {"epsilon": 1e-3}',
        PUBLISHED,
    ),
    bug(
        "weaver: key and query exchanged",
        "models/weaver",
        '("query", "key", "value")',
        '("key", "query", "value")',
        PUBLISHED,
    ),
    bug(
        "weaver: epsilon folded the wrong way",
        "models/weaver",
        "np.sqrt((variance + epsilon) / (variance + _EPSILON))",
        "np.sqrt((variance + _EPSILON) / (variance + epsilon))",
        "parity/test_models.py::test_particle_net_of_weaver",
    ),
    bug(
        "deep_sets: sum and mean exchanged",
        "models/deep_sets",
        '"sum": GlobalSumPool, "mean": GlobalAvgPool',
        '"mean": GlobalSumPool, "sum": GlobalAvgPool',
        SETS,
    ),
    bug(
        "deep_sets: the graph's own features are left out",
        "models/deep_sets",
        '([h, inputs["u"]])',
        '([h, 0 * inputs["u"]])',
        SETS,
    ),
    bug(
        "detector_net: the kinds are summed together",
        "models/detector_net",
        "[h * kind[..., k : k + 1] for k in range(len(KINDS))]",
        "[h for k in range(len(KINDS))]",
        DETECTOR,
    ),
    bug(
        "detector_net: one embedding for all kinds",
        "models/detector_net",
        "([x, kind])\n        else",
        "([x, kind[..., ::-1]])\n        else",
        DETECTOR,
    ),
    bug(
        "graph_net: no loops",
        "models/graph_net",
        "summed if real is None else summed + h",
        "summed",
        GRAPH_NET.format({}),
    ),
    bug(
        "graph_net: padding counts in the normalisation",
        "models/graph_net",
        '_norm")(x, mask=real)',
        '_norm")(x)',
        GRAPH_NET.format({}),
    ),
    bug(
        "graph_net: the last dropout is that of the others",
        "models/graph_net",
        "s.last_dropout if i == s.dense_layers else s.dropout",
        "s.dropout",
        "models/test_graph_net.py::test_dropout",
    ),
    bug(
        "gcn_belle: adjacency is not normalised",
        "models/gcn_belle",
        '    a = NormalizedAdjacency(name="adjacency")([x, a])\n',
        "",
        "models/test_gcn_belle.py",
    ),
    bug(
        "quark_gluon_cnn without residuals",
        "models/quark_gluon_cnn",
        "x = x + y",
        "x = y",
        CNN,
    ),
    bug(
        "egamma_hybrid without its shortcut",
        "models/egamma_hybrid",
        "(x + shortcut)",
        "(x)",
        "models/test_egamma_hybrid.py::test_front_is_a_residual_block",
    ),
    bug(
        "backbones: ResNet50 sees red, green, blue",
        "models/backbones",
        "keras.ops.flip(image, axis=-1)",
        "image",
        "models/test_backbones.py::test_scaling_is_that_of_the_backbone[resnet50-resnet50]",
    ),
    bug(
        "heads: nodes of all graphs but the first are those of another one",
        "models/heads",
        "ops.take(ends - n_node, graph)",
        "ops.take(ends, graph)",
        "models/test_init.py::test_graphs_alone_in_a_batch_and_permuted[deep_sets]",
    ),
    bug(
        "auxiliary loss: its factor is lost",
        "models/auxiliary",
        "AuxiliaryLoss(factor, name=_LOSS)",
        "AuxiliaryLoss(name=_LOSS)",
        LEARNT,
    ),
    bug(
        "auxiliary loss: the task stays in the model",
        "models/auxiliary",
        "    score, given = loss.input[0], loss.output\n",
        "    score, given = loss.output, loss.output\n",
        LEARNT,
    ),
    bug(
        "auxiliary loss: the prediction of the task becomes the score",
        "models/auxiliary",
        "    score, given = loss.input[0], loss.output\n",
        "    score, given = loss.input[1], loss.output\n",
        LEARNT,
    ),
    # --- layers
    bug(
        "GATConv: slope of LeakyReLU 0.3",
        "layers/gat_conv",
        "_LEAK = 0.2",
        "_LEAK = 0.3",
        "parity/test_layers.py",
    ),
    bug(
        "GATConv: the receiver's term takes the sender's vector",
        "layers/gat_conv",
        "tf.transpose(self.attn_kernel_self,",
        "tf.transpose(self.attn_kernel_neighs,",
        "parity/test_layers.py",
    ),
    bug(
        "InteractionConv: kinds of sender and receiver exchanged",
        "layers/interaction_conv",
        "(1, 0, 2))  # (sender, receiver, H)",
        "(0, 1, 2))  # (sender, receiver, H)",
        INTERACTION,
    ),
    bug(
        "InteractionConv without the residual",
        "layers/interaction_conv",
        "x + h if self.residual else h",
        "h",
        INTERACTION,
    ),
    bug(
        "FaceRelations: the receiver from the sender",
        "layers/face_relations",
        "send[..., :2] - receive[..., :2]",
        "receive[..., :2] - send[..., :2]",
        FACE,
    ),
    bug(
        "FaceRelations: energy over momentum of any two nodes",
        "layers/face_relations",
        "sign * (send",
        "(send",
        FACE,
    ),
    bug(
        "KindDense: one bias",
        "layers/kind_dense",
        "linear(kind, self.bias)",
        "tf.cast(self.bias[0], x.dtype)",
        "layers/test_kind_dense.py::test_hand_computed",
    ),
    bug(
        "GraphContext: the kinds are summed together",
        "layers/graph_context",
        "h * kind[..., k : k + 1]",
        "h",
        "layers/test_graph_context.py::test_hand_computed",
    ),
    bug(
        "MomentumPool: the spread is about the axis of the jet",
        "layers/momentum_pool",
        "(eta - nodes.spread(eta_mean)) ** 2",
        "eta**2",
        "layers/test_momentum_pool.py::test_the_mass_of_two_photons",
    ),
    bug(
        "GATv2Conv: the scores of GATConv",
        "layers/gat_v2_conv",
        "linear(leaky_relu(h, _LEAK), kernel)",
        "leaky_relu(linear(h, kernel), _LEAK)",
        "layers/test_gat_v2_conv.py::test_each_node_may_rank_the_others_in_its_own_order",
    ),
    bug(
        "ChebConv: second polynomial without its constant",
        "layers/cheb_conv",
        "kernels[0] - kernels[2]",
        "kernels[0]",
        "parity/test_layers.py",
    ),
    bug(
        "ChebConv: recurrence without the term before the last",
        "layers/cheb_conv",
        "2.0 * propagate(terms[-1]) - terms[-2]",
        "2.0 * propagate(terms[-1])",
        "parity/test_layers.py",
    ),
    bug(
        "ScaledLaplacian of directed blocks is not symmetric",
        "layers/scaled_laplacian",
        "a + tf.linalg.matrix_transpose(a)",
        "a + a",
        "layers/test_scaled_laplacian.py::test_loops_count_for_nothing_and_directions_for_half",
    ),
    bug(
        "ScaledLaplacian keeps loops of edges",
        "layers/scaled_laplacian",
        "tf.cast(senders != receivers, x.dtype)",
        "tf.ones(tf.shape(senders), x.dtype)",
        "layers/test_scaled_laplacian.py::test_loops_count_for_nothing_and_directions_for_half",
    ),
    bug(
        "NormalizedAdjacency without loops in blocks",
        "layers/normalized_adjacency",
        "            a = a + tf.cast(diagonal(a), x.dtype)\n",
        "",
        "layers/test_normalized_adjacency.py::test_hand_computed",
    ),
    bug(
        "EdgeConv: the sender enters as it is, not as a difference",
        "layers/pair_mlp",
        "own - other if self.relative else own",
        "own",
        "parity/test_layers.py",
    ),
    bug(
        "neighbours: one more than there are",
        "layers/neighbours",
        "others = count if loops else count - 1",
        "others = count",
        NET,
    ),
    bug(
        "neighbours among padding",
        "layers/neighbours",
        "    distance = tf.where(present[:, None, :], distance, tf.constant(worst, points.dtype))\n",
        "",
        NET,
    ),
    bug(
        "DynamicEdgeConv: slots without a neighbour count",
        "layers/dynamic_edge_conv",
        "weight = tf.cast(valid, x.dtype) * present[:, :, None]",
        "weight = tf.ones_like(tf.cast(valid, x.dtype)) * present[:, :, None]",
        NET,
    ),
    bug(
        "batch normalisation ignores how often a row counts",
        "layers/batch_norm",
        "weight = tf.cast(weight, x.dtype)",
        "weight = tf.ones_like(tf.cast(weight, x.dtype))",
        "layers/test_batch_norm.py::test_rows_that_count_twice_are_two_rows",
    ),
    bug(
        "batch normalisation: moving statistics learn ten times as fast",
        "layers/batch_norm",
        "_MOMENTUM, _EPSILON = 0.99, 1e-3",
        "_MOMENTUM, _EPSILON = 0.9, 1e-3",
        NET,
    ),
    bug(
        "AuxiliaryLoss: without an end to its square",
        "layers/auxiliary_loss",
        "near * (distance - 0.5 * near)",
        "0.5 * distance * distance",
        AUXILIARY,
    ),
    bug(
        "AuxiliaryLoss: adds to the loss of the validation",
        "layers/auxiliary_loss",
        "        if training:\n",
        "        if training is not None:\n",
        AUXILIARY,
    ),
    bug(
        "ParticleAttention: logits are not scaled",
        "layers/particle_attention",
        "query * self.key_dim**-0.5",
        "query",
        PART,
    ),
    bug(
        "ParticleAttention: padding is attended",
        "layers/particle_attention",
        "present, _ = node_mask(mask, x.dtype)",
        "present, _ = node_mask(tf.ones_like(mask), x.dtype)",
        PART,
    ),
    bug(
        "PairFeatures: φ does not wrap",
        "layers/pair_features",
        "        dphi = dphi - 2 * math.pi * tf.round(dphi / (2 * math.pi))\n",
        "",
        "layers/test_pair_features.py::test_hand_computed",
    ),
    bug(
        "PairFeatures: z of the harder particle",
        "layers/pair_features",
        "low = tf.minimum(pt[:, :, None], pt[:, None, :])",
        "low = tf.maximum(pt[:, :, None], pt[:, None, :])",
        "layers/test_pair_features.py::test_hand_computed",
    ),
    bug(
        "GravNetConv: another range of the potential",
        "layers/gravnet_conv",
        "tf.exp(-10.0 *",
        "tf.exp(-1.0 *",
        "layers/test_gravnet_conv.py::test_hand_computed",
    ),
    bug(
        "GINConv: the node itself is left out",
        "layers/gin_conv",
        "(1 + eps) * x + received",
        "eps * x + received",
        "parity/test_layers.py",
    ),
    bug(
        "DisjointToBlocks: adjacency transposed",
        "layers/blocks",
        "x, senders, receivers, n_node = inputs",
        "x, receivers, senders, n_node = inputs",
        "layers/test_blocks.py::test_hand_computed",
    ),
    # --- losses
    bug(
        "object condensation: no smallest charge",
        "losses/object_condensation",
        "(tf.square(_artanh(beta)) + q_min)",
        "(tf.square(_artanh(beta)))",
        "losses/test_object_condensation.py",
    ),
    bug(
        "object condensation: repulsion without end",
        "losses/object_condensation",
        "tf.nn.relu(1 - distance)",
        "(1 - distance)",
        "losses/test_object_condensation.py",
    ),
    bug(
        "object condensation: noise is not suppressed",
        "losses/object_condensation",
        "background = present - belongs",
        "background = 0 * present",
        "losses/test_object_condensation.py",
    ),
    bug(
        "distance correlation: weights are ignored",
        "losses/distance_correlation",
        'tf.ones_like(x) if weights is None else _column("weights", weights)',
        "tf.ones_like(x)",
        "losses/test_distance_correlation.py",
    ),
    bug(
        "distance correlation: distances are not centred twice",
        "losses/distance_correlation",
        " + tf.tensordot(rows, w, 1)",
        "",
        "losses/test_distance_correlation.py",
    ),
    # --- graph
    bug(
        "rules between kinds link one way only",
        "graph/edges",
        " | (second[senders] & first[receivers])",
        "",
        "graph/test_edges.py::test_between_kinds_pairs_within_the_radius_are_linked_both_ways",
    ),
    bug(
        "knn: φ does not wrap",
        "graph/knn",
        "as_period(period, points.shape[1])",
        "as_period(None, points.shape[1])",
        "graph/test_knn.py",
    ),
    bug(
        "radius: the limit itself is out",
        "graph/_kernels/neighbours",
        "if distances[j] <= squared and",
        "if distances[j] < squared and",
        "graph/test_radius.py",
    ),
    bug(
        "scaled Laplacian in NumPy keeps loops",
        "graph/laplacian",
        "kept = senders != receivers",
        "kept = senders >= 0",
        "graph/test_laplacian.py",
    ),
    bug(
        "decay trees: mother and daughter exchanged",
        "graph/parents",
        "down, up = (mothers, daughters), (daughters, mothers)",
        "up, down = (mothers, daughters), (daughters, mothers)",
        "graph/test_parents.py",
    ),
    bug(
        "lattice: rounded down",
        "graph/delaunay",
        "np.floor(points / resolution + 0.5)",
        "np.floor(points / resolution)",
        "graph/test_delaunay.py",
    ),
    bug(
        "edges sorted by sender, then receiver",
        "graph/union",
        "np.lexsort((senders, receivers))",
        "np.lexsort((receivers, senders))",
        "graph/test_union.py",
        "graph/test_batch.py",
    ),
)
