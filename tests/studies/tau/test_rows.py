"""The list of trainings."""

from __future__ import annotations


def test_every_row_is_a_configuration():
    from studies.tau.rows import MAIN, ROWS

    seeds = {ROWS[name].config(2).seed for name in ROWS}
    assert seeds == {2}
    assert {ROWS[name].config(2).data.split_seed for name in ROWS} == {1}
    epochs = {row.config(1).training.epochs for row in MAIN.values() if row.model}
    assert len(epochs) == 1  # the same budget
