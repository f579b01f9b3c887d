"""What the README of a CMSSW package says of its models."""

from __future__ import annotations

from collections.abc import Sequence

from e2e_tf.deploy.cmssw_jets import jet_values, training_range
from e2e_tf.deploy.cmssw_model import BACKENDS, CmsswModel, binned_table, contents, points_table

__all__ = ["readme_values"]


def readme_values(models: Sequence[CmsswModel], name: str, label: str) -> dict[str, str]:
    """Values of the template of the README.

    Args:
        models: of the package.
        name: of the package.
        label: of its modules, which the name of a model is added to.

    Returns:
        Text by the names of the template.
    """
    first, several = models[0], len(models) > 1
    module = f"{label}{first.name}"
    values = {
        "MODULE": module,
        "PLUGINS": " and ".join(f"`{name}{BACKENDS[key]}Producer`" for key in first.backends),
        "ORIGIN": f"an e2e-tf bundle ({first.kind})",
        "MODULE_TEXT": "the default module with the working points",
        "RESULTS": _results(first),
    }
    if several:
        kinds = "; ".join(f"`{label}{model.name}`: {model.kind}" for model in models)
        values |= {
            "ORIGIN": f"e2e-tf bundles ({kinds})",
            "MODULE_TEXT": "a module for each model, with its working points",
            "JETS_OF_TRAINING": "Each model was trained on its own jets, which stand with its scores below; the "
            f"table shows those of `{module}`.",
            "RESULTS": "\n\n".join(
                f"### `{label}{model.name}`\n\n{jet_values(model.manifest)['JETS_OF_TRAINING']}\n\n{_results(model)}"
                for model in models
            ),
        }
    return values


def _results(model: CmsswModel) -> str:
    """Products and working points of a model."""
    rows = [f"| `edm::ValueMap<float>`, `{score}` | {what} |" for score, what in contents(model.manifest)]
    passed = "bit i: the score is at or above the threshold of working point i"
    rows.append(f"| `edm::ValueMap<int>`, `workingPoints` | {passed} |")
    if any(training_range(model.manifest)):
        rows.append(
            "| `edm::ValueMap<int>`, `inRange` | 1 where the jet lies in the range of the training, else 0 |"
        )
    tables = [points_table(model.manifest)]
    if model.manifest["working_points"]:
        tables += ["", binned_table(model.manifest)]
    return "\n".join(["| product | |", "|---|---|", *rows, "", *tables])
