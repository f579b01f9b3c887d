from __future__ import annotations

import numpy as np

from e2e_tf.data.graphs import graphs_of
from e2e_tf.training.display.attention import with_attention
from e2e_tf.training.display.nodes import drawn_jets
from e2e_tf.training.examples import Examples
from e2e_tf.training.predict import predict_examples
from e2e_tf.training.prepare import prepare_run
from e2e_tf.training.run import open_run


def test_attention_of_a_run(trained):
    """That of the first layer is the formula of the paper, by hand; the model is what it was afterwards."""
    run = open_run(trained)
    jets = prepare_run(run).test.jets.take(np.arange(3))
    graphs, model = graphs_of(jets, run.preprocess), run.model()
    examples = Examples(graphs.batch)
    before = predict_examples(model, examples)
    found = with_attention(model, examples, drawn_jets(jets, run.preprocess))
    layers = [layer for layer in model.layers if type(layer).__name__ == "GATConv"]
    first, second = layers[:2]
    assert [*found[0].attention] == [
        first.name,
        second.name,
        f"{second.name}, head 1",
        f"{second.name}, head 2",
    ]
    jet = found[0]
    x = graphs.batch.x[: len(jet.places)].astype(np.float64)
    h = x @ first.kernel.numpy()[:, 0]
    receive, send = (h @ k.numpy()[:, 0, 0] for k in (first.attn_kernel_self, first.attn_kernel_neighs))
    logits = receive[:, None] + send[None, :]
    powers = np.exp(np.where(logits > 0, logits, 0.2 * logits))
    linked = np.eye(len(x), dtype=bool)
    linked[jet.receivers, jet.senders] = True
    alpha = powers * linked / (powers * linked).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(jet.attention[first.name], alpha[jet.receivers, jet.senders], rtol=1e-4)
    heads = [jet.attention[f"{second.name}, head {i}"] for i in (1, 2)]
    np.testing.assert_allclose(jet.attention[second.name], np.mean(heads, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(predict_examples(model, examples), before)
