from __future__ import annotations

import json

import keras_tuner
import pytest

from e2e_tf.errors import InputError
from e2e_tf.tuning.config import make_tune_config
from e2e_tf.tuning.objectives import make_objective
from e2e_tf.tuning.oracles import make_oracle, recover
from e2e_tf.tuning.sweep import COMPLETED, FAILED, PRUNED, Record
from e2e_tf.tuning.trial import Request, file_record, run_trial

OBJECTIVE = make_objective("val_auc")


def space():
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    hp.Int("n", 1, 5)
    hp.Choice("kind", ["a", "b"])
    return hp


def make(path, **tune):
    hp = space()
    defaults = {p.name: p.default for p in hp.space}
    return make_oracle(make_tune_config(tune), OBJECTIVE, hp, path, max_epochs=9, defaults=defaults)


def score(values):
    return 1 - (values["x"] - 0.3) ** 2 - 0.01 * values["n"] - 0.02 * (values["kind"] == "a")


def run(oracle, worker="w"):
    """Run one trial; False once there is none."""
    trial = oracle.create_trial(worker)
    if trial.status != "RUNNING":
        return False
    values = trial.hyperparameters.values
    oracle.finish(Record(trial.trial_id, COMPLETED, dict(values), score=score(values)), OBJECTIVE)
    return True


@pytest.mark.parametrize("algorithm", ["random", "hyperband", "bayesian"])
def test_continued_anywhere_it_proposes_the_same(tmp_path, algorithm):
    """An oracle that is read back after every trial proposes what one does that lives on."""
    lives = make(tmp_path / "lives.json", algorithm=algorithm, trials=12, initial=4)
    while run(lives):
        pass
    path = tmp_path / "again.json"
    while run(make(path, algorithm=algorithm, trials=12, initial=4)):
        pass
    again = make(path, algorithm=algorithm, trials=12, initial=4)
    assert len(lives.trials) == 12
    assert {k: t.hyperparameters.values for k, t in again.trials.items()} == {
        k: t.hyperparameters.values for k, t in lives.trials.items()
    }
    assert {k: t.score for k, t in again.trials.items()} == {k: t.score for k, t in lives.trials.items()}
    assert lives.reason == "all 12 trials have been started"


def test_bayesian_beats_random(tmp_path):
    best = {}
    for algorithm in ("random", "bayesian"):
        found = []
        for seed in (1, 2, 3):
            path = tmp_path / f"{algorithm}{seed}.json"
            oracle = make(path, algorithm=algorithm, trials=25, initial=8, seed=seed)
            while run(oracle):
                pass
            found.append(max(trial.score for trial in oracle.trials.values()))
        best[algorithm] = sum(found) / len(found)
    assert best["bayesian"] > best["random"]
    assert best["bayesian"] == pytest.approx(0.99, abs=0.002)


def test_bayesian_leaves_what_fails(tmp_path):
    """Trials above x = 0.5 fail, where the model would be best: few are tried there, none twice."""
    oracle = make(tmp_path / "o.json", algorithm="bayesian", trials=24, initial=6, max_failures=24)
    tried = []
    while (trial := oracle.create_trial("w")).status == "RUNNING":
        values = dict(trial.hyperparameters.values)
        tried.append(values)
        if values["x"] > 0.5:
            record = Record(trial.trial_id, FAILED, values, message="no number")
        else:
            record = Record(trial.trial_id, COMPLETED, values, score=values["x"])
        oracle.finish(record, OBJECTIVE)
    assert len(tried) == len({tuple(values.values()) for values in tried}) == 24
    failed = [values["x"] > 0.5 for values in tried]
    assert any(failed[:12])
    assert sum(failed[-8:]) <= 3
    assert max(values["x"] for values in tried if values["x"] <= 0.5) > 0.35


def test_the_first_trial_takes_the_defaults(tmp_path):
    for algorithm in ("random", "hyperband", "bayesian"):
        trial = make(tmp_path / f"{algorithm}.json", algorithm=algorithm).create_trial("w")
        values = {k: v for k, v in trial.hyperparameters.values.items() if not k.startswith("tuner/")}
        assert values == {"x": 0.0, "n": 1, "kind": "a"}


def test_what_ran_when_it_was_killed_is_run_again(tmp_path):
    path = tmp_path / "oracle.json"
    oracle = make(path, trials=3)
    assert run(oracle)
    trial = oracle.create_trial("w")
    oracle = make(path, trials=3)
    assert recover(oracle, [], OBJECTIVE) == [trial.trial_id] == ["0001"]
    again = oracle.create_trial("w")
    assert again.trial_id == "0001"
    assert again.hyperparameters.values == trial.hyperparameters.values
    assert oracle.attempt("0001") == 0  # a kill of the search is not a failure of the trial


def test_what_had_ended_when_it_was_killed_is_not_run_again(tmp_path):
    path = tmp_path / "oracle.json"
    oracle = make(path, trials=3)
    trial = oracle.create_trial("w")
    record = Record(trial.trial_id, PRUNED, dict(trial.hyperparameters.values), score=0.5)
    oracle = make(path, trials=3)
    assert recover(oracle, [record], OBJECTIVE) == []
    assert oracle.trials["0000"].score == 0.5
    assert oracle.create_trial("w").trial_id == "0001"


def test_killed_between_two_steps_of_ending_a_trial(tmp_path, monkeypatch):
    """Keras Tuner saves before the trial leaves the list of running ones."""
    path = tmp_path / "oracle.json"
    oracle = make(path, trials=3)
    trial = oracle.create_trial("w")
    record = Record(trial.trial_id, COMPLETED, dict(trial.hyperparameters.values), score=0.5)
    states = []
    save = oracle.save
    monkeypatch.setattr(oracle, "save", lambda: (save(), states.append(path.read_text())))
    oracle.finish(record, OBJECTIVE)
    assert json.loads(states[0])["state"]["ongoing_trials"] == {"w": "0000"}
    for state in states:
        path.write_text(state)
        again = make(path, trials=3)
        recover(again, [record], OBJECTIVE)
        assert again.end_order == ["0000"]
        assert again.attempt("0000") == 1
        assert not again.ongoing_trials
        assert again.create_trial("w").trial_id == "0001"


def test_failures_are_retried_and_then_final(tmp_path):
    oracle = make(tmp_path / "oracle.json", trials=2, retries=1)
    for attempt in range(2):
        trial = oracle.create_trial("w")
        assert trial.trial_id == "0000"
        assert oracle.attempt("0000") == attempt
        oracle.finish(Record("0000", FAILED, {}, message="Traceback"), OBJECTIVE)
    assert oracle.trials["0000"].status == FAILED
    assert oracle.trials["0000"].message == "Traceback"
    assert oracle.create_trial("w").trial_id == "0001"


def test_failures_in_a_row_end_the_search(tmp_path):
    oracle = make(tmp_path / "oracle.json", trials=20, max_failures=3)
    assert run(oracle)
    for number in (1, 2, 3):
        trial = oracle.create_trial("w")
        oracle.finish(Record(trial.trial_id, FAILED, {}, message="no"), OBJECTIVE)
        assert oracle.halted == (number == 3)
    assert oracle.create_trial("w").status == "STOPPED"
    assert oracle.reason == "3 trials failed in a row"


def test_someone_waits_for_a_trial_that_may_come_back(tmp_path):
    oracle = make(tmp_path / "oracle.json", trials=2)
    first, second = oracle.create_trial("w1"), oracle.create_trial("w2")
    assert oracle.create_trial("w3").status == "IDLE"
    assert oracle.hand_back("w2") == second.trial_id
    assert oracle.create_trial("w3").trial_id == second.trial_id
    for trial in (first, second):
        oracle.finish(Record(trial.trial_id, COMPLETED, {}, score=0.1), OBJECTIVE)
    assert oracle.create_trial("w3").status == "STOPPED"


def test_time_is_counted_over_restarts(tmp_path, monkeypatch):
    import e2e_tf.tuning.oracles

    now = [100.0]
    monkeypatch.setattr(e2e_tf.tuning.oracles.time, "monotonic", lambda: now[0])
    oracle = make(tmp_path / "oracle.json", trials=9, minutes=1)
    now[0] += 40
    assert run(oracle)
    now[0] += 1000  # nothing searches
    oracle = make(tmp_path / "oracle.json", trials=9, minutes=1)
    assert oracle.seconds_left == pytest.approx(20)
    now[0] += 21
    assert oracle.create_trial("w").status == "STOPPED"
    assert oracle.reason == "the 1 minutes are used up"


def test_an_exhausted_space_ends_the_search(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b", "c"])
    for algorithm in ("random", "bayesian"):
        tune = make_tune_config({"algorithm": algorithm, "trials": 50, "initial": 2})
        oracle = make_oracle(tune, OBJECTIVE, hp, tmp_path / f"{algorithm}.json")
        seen = []
        while (trial := oracle.create_trial("w")).status == "RUNNING":
            seen.append(trial.hyperparameters.values["kind"])
            oracle.finish(Record(trial.trial_id, COMPLETED, {}, score=float(len(seen))), OBJECTIVE)
        assert sorted(seen) == ["a", "b", "c"]
        assert oracle.reason == "the algorithm has nothing more to try"


class Growing(keras_tuner.HyperModel):
    """Layers in a loop and a batch size that fit asks for, as the guide of Keras Tuner writes them."""

    def build(self, hp):
        return [hp.Int(f"units_{i}", 8, 64, step=8) for i in range(hp.Int("layers", 1, 3))]

    def fit(self, hp, model, **_):
        return {"val_auc": sum(model) / 200 + hp.Choice("batch_size", [16, 32, 64]) / 1000}


@pytest.mark.parametrize("algorithm", ["random", "hyperband", "bayesian"])
def test_late_parameters_join_the_space_as_in_the_search_of_keras_tuner(tmp_path, algorithm):
    """From the same space and seed on, every trial has the values that Keras Tuner's own search gives it."""

    class Search(keras_tuner.engine.base_tuner.BaseTuner):
        def run_trial(self, trial, **_):
            hp = trial.hyperparameters
            return self.hypermodel.fit(hp, self.hypermodel.build(hp))

    objective = keras_tuner.Objective("val_auc", "max")
    kind, options, trials = {
        "random": (keras_tuner.oracles.RandomSearchOracle, {"max_trials": 9}, 9),
        "hyperband": (keras_tuner.oracles.HyperbandOracle, {"max_epochs": 4, "factor": 2}, 99),
        "bayesian": (
            keras_tuner.oracles.BayesianOptimizationOracle,
            {"max_trials": 9, "num_initial_points": 9},
            9,
        ),
    }[algorithm]
    theirs = Search(kind(objective, seed=5, **options), Growing(), directory=tmp_path / "theirs")
    assert [p.name for p in theirs.oracle.get_space().space] == ["layers", "units_0"]
    settings = make_tune_config(
        {"algorithm": algorithm, "trials": trials, "seed": 5, "initial": 9, "factor": 2}
    )
    ours = make_oracle(settings, OBJECTIVE, theirs.oracle.get_space(), tmp_path / "ours.json", max_epochs=4)
    theirs.search(verbose=0)

    while (trial := ours.create_trial("w")).status == "RUNNING":
        part = tmp_path / f".{trial.trial_id}.part"
        part.mkdir()
        request = Request(trial.trial_id, trial.hyperparameters.get_config(), part, settings, OBJECTIVE)
        record = run_trial(Growing(), request)
        file_record(request, record)  # a trial of Hyperband goes on from an earlier one
        ours.finish(record, OBJECTIVE)

    def values(oracle):
        """Those that the models asked for; others Keras Tuner may draw without a seed."""
        found = []
        for trial in oracle.trials.values():
            one = trial.hyperparameters.values
            asked = ["layers", "batch_size", *(f"units_{i}" for i in range(one["layers"]))]
            found.append({name: one[name] for name in asked})
        return found

    assert values(ours) == values(theirs.oracle)
    assert [t.score for t in ours.trials.values()] == [t.score for t in theirs.oracle.trials.values()]
    names = [p.name for p in ours.get_space().space]
    assert names == [p.name for p in theirs.oracle.get_space().space]
    assert sorted(names) == ["batch_size", "layers", "units_0", "units_1", "units_2"]
    for name in names:
        assert len({one[name] for one in values(ours) if name in one}) > 1, name


def test_damaged(tmp_path):
    path = tmp_path / "oracle.json"
    path.write_text('{"state": {}')
    with pytest.raises(InputError, match="is not JSON"):
        make(path)
    path.write_text('{"trials": []}')
    with pytest.raises(InputError, match="is damaged"):
        make(path)
