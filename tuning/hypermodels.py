"""The HyperModels of this library's models: which of their settings a search varies, and in which range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from e2e_tf.config import RunConfig
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.run_hypermodel import RunHyperModel
from e2e_tf.tuning.sweep import Sweep

__all__ = ["HYPERMODELS", "GATChebHyperModel", "RunHyperModel", "hypermodel_of", "make_hypermodel"]


class GATChebHyperModel(RunHyperModel):
    """``gat_cheb`` by the number, the width and the heads of its layers.

    ``gat_layers`` attention layers start at ``gat_width`` channels and double; the last has ``gat_heads`` heads,
    each before half as many, at least one. ``cheb_layers`` Chebyshev layers halve down to ``cheb_width``
    channels, ``dense_layers`` dense layers halve from ``dense_width`` units.
    """

    SHAPES = (
        "gat_layers",
        "gat_width",
        "gat_heads",
        "cheb_layers",
        "cheb_width",
        "dense_layers",
        "dense_width",
    )
    USUAL = MappingProxyType(
        {
            "gat_layers": {"low": 1, "high": 4},
            "gat_width": [8, 16, 32],
            "gat_heads": [1, 2, 4],
            "cheb_layers": {"low": 1, "high": 3},
            "cheb_width": [16, 32, 64],
            "cheb_order": {"low": 2, "high": 5},
            "dense_layers": {"low": 1, "high": 3},
            "dense_width": [64, 128, 256],
            "pooling": ["mean", "sum", "mean+max", "mean+max+sum", "attention+max+sum"],
        }
    )
    _REPLACES = (
        ("gat_", ("channels", "heads")),
        ("cheb_l", ("cheb_channels",)),
        ("cheb_w", ("cheb_channels",)),
        ("dense_", ("dense",)),
    )

    def accepted(self) -> dict[str, Sequence[str]]:
        """As for every model, and the shapes.

        Returns:
            Names of parameters by section.

        Raises:
            InputError: the space has a shape and a setting that the shape sets.
        """
        accepted = super().accepted()
        table = (self.tune.space or {}).get("model", {})
        for prefix, settings in self._REPLACES:
            shapes = [key for key in table if key in self.SHAPES and key.startswith(prefix)]
            both = [key for key in settings if key in table]
            if shapes and both:
                raise InputError(
                    f"tune.space.model has {shapes[0]!r} and {both[0]!r}, which set the same; give one of them"
                )
        return accepted

    def defaults(self) -> dict[str, Any]:
        """As for every model, and the shapes that the configuration's own layers have.

        Returns:
            Values by ``section.key``.
        """
        flat = super().defaults()
        return flat | {
            "model.gat_layers": len(flat["model.channels"]),
            "model.gat_width": flat["model.channels"][0] if flat["model.channels"] else None,
            "model.gat_heads": flat["model.heads"][-1] if flat["model.heads"] else None,
            "model.cheb_layers": len(flat["model.cheb_channels"]),
            "model.cheb_width": flat["model.cheb_channels"][-1] if flat["model.cheb_channels"] else None,
            "model.dense_layers": len(flat["model.dense"]),
            "model.dense_width": flat["model.dense"][0] if flat["model.dense"] else None,
        }

    def shape(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Widths and heads of the layers from the shapes.

        Args:
            given: values of shapes; those not given follow from the configuration.

        Returns:
            Settings of the model by name.
        """

        def chosen(key: str) -> Any:
            return given.get(key, self.defaults()[f"model.{key}"])

        out: dict[str, Any] = {}
        if any(key.startswith("gat_") for key in given):
            layers, width, heads = chosen("gat_layers"), chosen("gat_width"), chosen("gat_heads")
            out["channels"] = tuple(width * 2**i for i in range(layers))
            out["heads"] = tuple(max(1, heads // 2 ** (layers - 1 - i)) for i in range(layers))
        if "cheb_layers" in given or "cheb_width" in given:
            layers, width = chosen("cheb_layers"), chosen("cheb_width")
            out["cheb_channels"] = tuple(width * 2 ** (layers - 1 - i) for i in range(layers))
        if any(key.startswith("dense_") for key in given):
            layers, width = chosen("dense_layers"), chosen("dense_width")
            out["dense"] = tuple(max(1, width // 2**i) for i in range(layers))
        return out


class ParticleNetHyperModel(RunHyperModel):
    """``particle_net`` and ``particle_net_lite``: neighbours, channels of the edge convolutions, dense layers."""

    USUAL = MappingProxyType(
        {
            "k": {"low": 4, "high": 16, "step": 4},
            "channels": [
                [[16, 16, 16], [32, 32, 32]],
                [[32, 32, 32], [64, 64, 64]],
                [[64, 64, 64], [128, 128, 128]],
                [[64, 64, 64], [128, 128, 128], [256, 256, 256]],
            ],
            "dense": [[64], [128], [256]],
        }
    )


class ParticleAttentionHyperModel(RunHyperModel):
    """``particle_attention``: width, heads and number of its blocks."""

    USUAL = MappingProxyType(
        {
            "width": [32, 64, 128],
            "heads": [2, 4, 8],
            "blocks": {"low": 1, "high": 4},
            "class_blocks": {"low": 1, "high": 2},
            "feed_forward": {"low": 1, "high": 4},
        }
    )


class DeepSetsHyperModel(RunHyperModel):
    """``deep_sets``: the layers before and after the sum."""

    USUAL = MappingProxyType(
        {
            "phi": [[64, 64], [100, 100, 128], [100, 100, 256]],
            "dense": [[64], [100, 100], [100, 100, 100]],
            "pool": ["sum", "mean"],
        }
    )


class GraphNetHyperModel(RunHyperModel):
    """``graph_net`` and ``gcn_belle``: units and numbers of the layers."""

    USUAL = MappingProxyType(
        {
            "units": [64, 128, 256],
            "node_layers": {"low": 1, "high": 3},
            "convolutions": {"low": 1, "high": 4},
            "dense_layers": {"low": 1, "high": 4},
        }
    )


_OWN: dict[str, type[RunHyperModel]] = {
    "gat_cheb": GATChebHyperModel,
    "particle_net": ParticleNetHyperModel,
    "particle_net_lite": ParticleNetHyperModel,
    "particle_attention": ParticleAttentionHyperModel,
    "deep_sets": DeepSetsHyperModel,
    "graph_net": GraphNetHyperModel,
    "gcn_belle": GraphNetHyperModel,
}
HYPERMODELS: dict[str, type[RunHyperModel]] = {name: _OWN.get(name, RunHyperModel) for name in MODELS}
"""The HyperModel of each model by name."""


def make_hypermodel(config: RunConfig, tune: TuneConfig, base: Path, cache: Path) -> Any:
    """The HyperModel that a configuration asks for: that of its model, or one of the user's own.

    Args:
        config: the run that is varied.
        tune: the section ``[tune]``.
        base: where relative sample paths start, and modules of the user's own are found.
        cache: folder for the graphs that trials share.

    Returns:
        A HyperModel with ``build`` and ``fit``.

    Raises:
        InputError: as :class:`RunHyperModel`, or ``tune.hypermodel`` cannot be imported.
    """
    if not tune.hypermodel:
        return HYPERMODELS[config.model_name](config, tune, base, cache)
    return _imported(tune.hypermodel, base)()


def _imported(name: str, base: Path) -> Callable[[], Any]:
    import importlib
    import sys

    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise InputError(f"tune.hypermodel must be 'module:Class', not {name!r}")
    if str(base) not in sys.path:  # a module beside the configuration
        sys.path.insert(0, str(base))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"tune.hypermodel {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise InputError(f"tune.hypermodel {name!r} must be a class or a function that makes a HyperModel")
    return found


def hypermodel_of(sweep: Sweep) -> Any:
    """The HyperModel that a sweep's own files describe.

    Args:
        sweep: with the configuration that is varied.

    Returns:
        A HyperModel with ``build`` and ``fit``.

    Raises:
        InputError: as :func:`make_hypermodel`.
    """
    assert sweep.config is not None
    return make_hypermodel(sweep.config, sweep.tune, sweep.base, sweep.folder / "cache")
