"""Draws the first signal jet of the test part and the graph that the network sees, into jet.png and jet.pdf."""

from e2e_tf import prepare, read_config
from e2e_tf.figure import picture

config = read_config("tagger.toml")
test = prepare(config).test
jet = test.graphs.take([int(test.label.argmax())])
deta, dphi = jet.positions.T
with picture("jet.png", config.plots.style, force=True) as axes:
    for sender, receiver in zip(jet.batch.senders, jet.batch.receivers, strict=True):
        axes.plot(deta[[sender, receiver]], dphi[[sender, receiver]], color="0.7", linewidth=1, zorder=1)
    axes.scatter(deta, dphi, s=200, zorder=2)
    axes.set_xlabel(r"$\Delta\eta$ to jet axis")
    axes.set_ylabel(r"$\Delta\phi$ to jet axis [rad]")
    axes.margins(0.15)
    pt = rf"$p_\mathrm{{T}}$ = {jet.jets['pt'][0]:.0f} GeV"
    axes.text(0.03, 0.97, f"{len(deta)} candidates of one jet, {pt}", transform=axes.transAxes, va="top")
print("Picture of a jet in jet.png and jet.pdf")
