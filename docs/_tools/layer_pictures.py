"""Pictures of layers for their pages: what goes where on a graph of five nodes, as SVG in the page."""

from __future__ import annotations

import html
import math

__all__ = ["PICTURES", "figure"]

_NODES = ((70, 40), (150, 22), (190, 92), (110, 138), (34, 108))
_CENTRE = (112, 82)
_EDGES = ((0, 5), (1, 5), (3, 5), (0, 1), (3, 4), (2, 1))
"""Nodes 0 to 4 stand around node 5, which is i; the first three edges end at it."""
_KINDS = (0, 1, 1, 2, 0, 1)  # of the nodes, where there are kinds
_COLOURS = ("#5790fc", "#f89c20", "#e42536")
_AFTER = 400  # how far to the right what comes out stands

PICTURES: dict[str, tuple[str, str, str]] = {
    "AuxiliaryLoss": (
        "each",
        "s",
        "Scores pass; in training the loss of another prediction is added.",
    ),
    "CellSummaries": (
        "pool",
        "Σ in a cell",
        "Deposits and tracks of a jet, cell by cell around its axis: sums, spreads and means.",
    ),
    "ChannelScale": (
        "each",
        "w x",
        "Every node by itself: each group of channels is multiplied by its factor.",
    ),
    "ChebConv": (
        "messages",
        "L̃ x",
        "Node i gathers from its neighbours, with each order of the polynomial one step further.",
    ),
    "DisjointToBlocks": (
        "blocks",
        "",
        "Nodes of three jets, one after the other, become a block of a jet each; empty slots are white.",
    ),
    "DynamicEdgeConv": (
        "near",
        "MLP(xᵢ ‖ xⱼ − xᵢ)",
        "Node i gathers from its nearest nodes in the features, which are found anew.",
    ),
    "EdgeConv": (
        "messages",
        "MLP(xᵢ ‖ xⱼ − xᵢ)",
        "Node i gathers a message along each edge that ends at it.",
    ),
    "EdgeScore": ("edges", "σ(MLP(xᵢ ‖ xⱼ ‖ e))", "Every edge gets outputs of its own."),
    "Embedding": ("each", "E[i]", "Every whole number by itself: its row of the table."),
    "FaceRelations": ("edges", "Δη, Δφ, ln ΔR, ln E/p", "Every edge gets features, from where its ends are."),
    "FeatureMomenta": ("each", "(pT, η, φ, m)", "Every node by itself: its momentum, from its features."),
    "GATConv": (
        "messages",
        "αᵢⱼ W xⱼ",
        "Node i gathers from its neighbours and itself, by learned shares that add up to 1.",
    ),
    "GATv2Conv": (
        "messages",
        "αᵢⱼ W xⱼ",
        "Node i gathers from its neighbours and itself, by learned shares that add up to 1.",
    ),
    "GCNConv": ("messages", "âᵢⱼ W xⱼ", "Node i gathers from its neighbours and itself, by fixed shares."),
    "GINConv": (
        "messages",
        "xⱼ",
        "Node i adds up its neighbours; a network sees the sum with its own features.",
    ),
    "GlobalAttentionPool": (
        "pool",
        "σ(xᵢ V) (xᵢ W)",
        "All nodes of a jet are added, each through a learned gate.",
    ),
    "GlobalAttnSumPool": (
        "pool",
        "αᵢ xᵢ",
        "All nodes of a jet are added, by learned shares that add up to 1.",
    ),
    "GlobalAvgPool": ("pool", "xᵢ / n", "The mean of all nodes of a jet."),
    "GlobalMaxPool": ("pool", "max xᵢ", "The largest value of each channel in a jet."),
    "GlobalSumPool": ("pool", "xᵢ", "The sum of all nodes of a jet."),
    "GradientReversal": (
        "each",
        "x",
        "Nothing changes on the way on; on the way back the gradient changes its sign.",
    ),
    "GraphContext": ("context", "Σ σ(W xᵢ)", "Sums over all nodes, for each kind, go back to every node."),
    "GraphSageConv": ("messages", "xⱼ", "Node i gathers its neighbours, beside its own features."),
    "GravNetConv": (
        "near",
        "exp(−10 |sᵢ − sⱼ|²) hⱼ",
        "Node i gathers from its nearest nodes in a learned space, by their distance.",
    ),
    "InteractionConv": (
        "messages",
        "φ(xᵢ ‖ xⱼ ‖ eᵢⱼ)",
        "Node i gathers a message along each edge that ends at it, then a network updates it.",
    ),
    "KindDense": ("kinds", "W_kind x", "Every node by itself, with the matrix of its kind."),
    "MomentumPool": (
        "pool",
        "Σ σ(W xᵢ) pᵢ",
        "Momenta of learned groups of nodes: pT, spread, mass, place and charge.",
    ),
    "NormalizedAdjacency": (
        "matrix",
        "Â = D⁻½ (A + 1) D⁻½",
        "The edges become a matrix with loops, divided by the nodes' degrees.",
    ),
    "PairFeatures": ("pairs", "ln kT, ln z, ln ΔR, ln m²", "Every two nodes get features."),
    "ParticleAttention": (
        "all",
        "αᵢⱼ V xⱼ",
        "Node i gathers from all nodes, by shares that features of the pair shift.",
    ),
    "RawFeatures": ("each", "x / s + m", "Every node by itself: the normalisation is undone."),
    "ScaledLaplacian": (
        "laplacian",
        "L̃ = 2 L / λ − 1",
        "The edges become a matrix whose eigenvalues are from −1 to 1; with λ = 2 it has no diagonal.",
    ),
}
"""How a layer is drawn, what stands on the arrow, and the sentence below."""


def figure(name: str) -> str:
    """The picture of a layer.

    Args:
        name: in :data:`PICTURES`.

    Returns:
        HTML in one line, in the colours of the text around it.
    """
    kind, label, caption = PICTURES[name]
    drawn = _DRAWN[kind]()
    text = f"<text x='310' y='66' text-anchor='middle' font-style='italic'>{html.escape(label)}</text>"
    on = _arrow((250, 82), (370, 82), "currentColor", 0)
    return (
        f"<figure class='layer'><svg viewBox='0 0 640 164' role='img' aria-label='{html.escape(caption)}'>"
        f"{drawn}{on}{text}</svg><figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _places(shift: float = 0) -> list[tuple[float, float]]:
    return [(x + shift, y) for x, y in (*_NODES, _CENTRE)]


def _node(place: tuple[float, float], colour: str, text: str = "", radius: int = 11) -> str:
    x, y = place
    shown = f"<text x='{x}' y='{y + 4}' text-anchor='middle' class='on'>{text}</text>" if text else ""
    return f"<circle cx='{x}' cy='{y}' r='{radius}' fill='{colour}' stroke='currentColor'/>{shown}"


def _line(
    a: tuple[float, float], b: tuple[float, float], colour: str = "currentColor", width: float = 1
) -> str:
    return (
        f"<line x1='{a[0]:.0f}' y1='{a[1]:.0f}' x2='{b[0]:.0f}' y2='{b[1]:.0f}' stroke='{colour}' "
        f"stroke-width='{width}' opacity='{1 if width > 1 else 0.45}'/>"
    )


def _arrow(a: tuple[float, float], b: tuple[float, float], colour: str, gap: float = 13) -> str:
    angle = math.atan2(b[1] - a[1], b[0] - a[0])
    end = (b[0] - gap * math.cos(angle), b[1] - gap * math.sin(angle))
    sides = [(end[0] - 9 * math.cos(angle + t), end[1] - 9 * math.sin(angle + t)) for t in (0.4, -0.4)]
    tip = " ".join(f"{x:.0f},{y:.0f}" for x, y in (end, *sides))
    return _line(a, end, colour, 2) + f"<polygon points='{tip}' fill='{colour}'/>"


def _graph(shift: float = 0, colours: tuple[str, ...] = (), edges: bool = True, width: float = 1) -> str:
    places = _places(shift)
    lines = "".join(_line(places[a], places[b], _COLOURS[2] if width > 1 else "currentColor", width)
                    for a, b in _EDGES) if edges else ""  # fmt: skip
    return lines + "".join(
        _node(place, colours[n] if colours else "#d7e3f4", "i" if n == 5 else "")
        for n, place in enumerate(places)
    )


def _messages(senders: tuple[int, ...], edges: bool = True) -> str:
    places = _places()
    arrows = "".join(_arrow(places[n], places[5], _COLOURS[2]) for n in senders)
    plain = ("#d7e3f4",) * 5
    return _graph(edges=edges) + arrows + _graph(_AFTER, (*plain, _COLOURS[1]), edges)


def _near() -> str:
    ring = "<circle cx='105' cy='78' r='66' fill='none' stroke='currentColor' stroke-dasharray='4 4' opacity='0.6'/>"
    return ring + _messages((0, 1, 3), edges=False)


def _on_edges(pairs: bool = False) -> str:
    if not pairs:
        return _graph() + _graph(_AFTER, width=4)
    places = _places(_AFTER)
    every = "".join(_line(a, b, _COLOURS[2], 1.5) for n, a in enumerate(places) for b in places[:n])
    return _graph(edges=False) + every + _graph(_AFTER, edges=False)


def _each(kinds: bool = False) -> str:
    before = tuple(_COLOURS[k] for k in _KINDS) if kinds else ("#d7e3f4",) * 6
    after = before if kinds else (_COLOURS[1],) * 6
    return _graph(0, before, edges=False) + _graph(_AFTER, after, edges=False)


def _square(x: float, y: float, size: float, colour: str) -> str:
    return f"<rect x='{x}' y='{y}' width='{size}' height='{size}' fill='{colour}' stroke='currentColor'/>"


def _pool() -> str:
    return _graph(edges=False) + _square(_AFTER + 92, 62, 40, _COLOURS[1])


def _context() -> str:
    places = _places(_AFTER)
    back = "".join(_arrow((320, 140), place, _COLOURS[2]) for place in places[3:5])
    back += "".join(_arrow((320, 140), place, _COLOURS[2]) for place in (places[0],))
    return _graph(edges=False) + _square(300, 120, 36, _COLOURS[1]) + back + _graph(_AFTER, edges=False)


def _matrix(loops: bool = True) -> str:
    linked = {(a, b) for a, b in _EDGES} | {(b, a) for a, b in _EDGES}
    linked |= {(n, n) for n in range(6)} if loops else set()
    cells = [
        _square(_AFTER + 50 + 22 * a, 16 + 22 * b, 22, _COLOURS[1] if (a, b) in linked else "none")
        for a in range(6)
        for b in range(6)
    ]
    return _graph() + "".join(cells)


def _blocks() -> str:
    sizes = (2, 1, 3)
    rows = [jet for jet, size in enumerate(sizes) for _ in range(size)]
    before = "".join(_square(100, 10 + 24 * n, 24, _COLOURS[jet]) for n, jet in enumerate(rows))
    after = "".join(
        _square(_AFTER + 20 + 70 * jet, 46 + 24 * slot, 24, _COLOURS[jet] if slot < size else "none")
        for jet, size in enumerate(sizes)
        for slot in range(3)
    )
    return before + after


_DRAWN = {
    "messages": lambda: _messages((0, 1, 3)),
    "all": lambda: _messages((0, 1, 2, 3, 4), edges=False),
    "near": _near,
    "edges": _on_edges,
    "pairs": lambda: _on_edges(pairs=True),
    "each": _each,
    "kinds": lambda: _each(kinds=True),
    "pool": _pool,
    "context": _context,
    "matrix": _matrix,
    "laplacian": lambda: _matrix(loops=False),
    "blocks": _blocks,
}
