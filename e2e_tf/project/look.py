"""Draws the first signal jet of the test part and the graph that the network sees, into jet.png."""

import matplotlib.pyplot as plt

from e2e_tf import prepare, read_config

test = prepare(read_config("tagger.toml")).test
jet = test.graphs.take([int(test.label.argmax())])
deta, dphi = jet.positions.T
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
for sender, receiver in zip(jet.batch.senders, jet.batch.receivers, strict=True):
    axes.plot(deta[[sender, receiver]], dphi[[sender, receiver]], color="0.7", linewidth=1, zorder=1)
axes.scatter(deta, dphi, s=60, zorder=2)
axes.set(
    xlabel="Δη", ylabel="Δφ [rad]", title=f"{len(deta)} candidates of one jet, pT {jet.jets['pt'][0]:.0f} GeV"
)
figure.savefig("jet.png", dpi=150)
