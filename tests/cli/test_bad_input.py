"""The list of bad inputs: each gives one sentence on standard error and status 2, and leaves nothing behind."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2e_tf import cli
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path

# What is typed after e2e-tf, and a part of the sentence.
INPUTS = """
fit absent.toml -o new | there is no configuration absent.toml
fit . -o new | there is no configuration .
fit latin.toml -o new | latin.toml is not TOML: 'utf-8' codec can't decode byte 0xe9
fit broken.toml -o new | broken.toml is not TOML: Expected ']' at the end of a table
fit tau.h5 -o new | tau.h5 is not TOML: 'utf-8' codec can't decode byte 0x89 in
fit a.toml -o absent/new | the folder absent of new does not exist; create it first
fit a.toml -o tau.h5 | tau.h5 is a file; choose another name, or give --force to
fit a.toml -o full | full exists already; choose another name, or give --force to
fit a.toml -o new --set nonsense | a change must be KEY=VALUE, such as training.epochs=3, not
fit a.toml -o new --set =3 | a change must be KEY=VALUE, such as training.epochs=3, not
fit a.toml -o new --set sed=1 | unknown key 'sed'; accepted here: seed, data, graph, model
fit a.toml -o new --set seed=-1 | seed: input should be greater than or equal to 0, not -1
fit a.toml -o new --set seed=one | seed: input should be a valid integer, unable to parse string
fit a.toml -o new --set seed.more=1 | seed: input should be a valid integer, not {'more': 1}
fit a.toml -o new --set datas.sample=tau | unknown key 'datas'; accepted here: seed, data, graph, model
fit a.toml -o new --set preset=none | preset must be one of tau_tuned, tau_candidates, not 'none'
fit a.toml -o new --set data.sample=absent.h5 | absent.h5; data.sample takes a path or one of
fit a.toml -o new --set data.sample=[] | data.sample: must be a path or a list of paths, not []
fit a.toml -o new --set data.sample=7 | data.sample: must be a path or a list of paths, not 7
fit a.toml -o new --set data.sample=*.nothing | *.nothing
fit a.toml -o new --set data.sample=full | holds no data file (HDF5, ROOT, parquet
fit a.toml -o new --set data.sample=list.txt | absent.h5; data.sample takes a path or one of
fit a.toml -o new --set data.sample=["tau.h5","tau.h5"] | tau.h5 is in the sample twice; name every file once
fit a.toml -o new --set data.sample=root://host//x.root | root://host//x.root is on another machine; reading root://
fit a.toml -o new --set data.sample=cut.h5 | cut.h5 cannot be read, it is truncated or damaged (Unable to
fit a.toml -o new --set data.sample=text.h5 | text.h5 cannot be read, it is truncated or damaged (Unable to
fit a.toml -o new --set data.sample=empty.h5 | empty.h5 cannot be read, it is truncated or damaged (Unable
fit a.toml -o new --set data.sample=text.root | text.root must be HDF5, ROOT, parquet, npz, npy or
fit a.toml -o new --set data.sample=text.parquet | text.parquet must be HDF5, ROOT, parquet, npz, npy or
fit a.toml -o new --set data.sample=words.npz | words.npz is of no known format: it is npz with X; the
fit a.toml -o new --set data.sample=background.h5 | background.h5 has no signal (label 1) among its
fit a.toml -o new --set data.sample=unlabelled.h5 | unlabelled.h5 has no labels; training needs jets with truth
fit a.toml -o new --set data.sample=["tau.h5","unlabelled.h5"] | tau.h5 has labels and unlabelled.h5 has none
fit a.toml -o new --set data.reader=nonsense | there is no reader 'nonsense'; there are: cms_uds_g, e2e_tf
fit a.toml -o new --set data.reader=jetclass | the reader jetclass cannot be called like that: it needs the
fit a.toml -o new --set data.options.signal=Tbqq | the reader e2e_tf cannot be called like that: it has no
fit a.toml -o new --set data.jet_pt=[20] | data.jet_pt.1: field required, not [20]
fit a.toml -o new --set data.jet_pt=[200,300] | no jet of tau.h5 passes data.jet_pt and data.selection
fit a.toml -o new --set data.split=[0.5,0.5] | data.split.2: field required, not [0.5, 0.5]
fit a.toml -o new --set data.split=[0.5,0.5,0.5] | fractions must be three numbers, none negative, that add up
fit a.toml -o new --set data.split=[1.0,0.0,0.0] | tau.h5 leaves no jets for the validation part, which every
fit a.toml -o new --set data.split_column=nope | data.split_column must be a column of the jets (decay_mode
fit a.toml -o new --set data.split_column=pt | data.split_column pt must hold whole numbers
fit a.toml -o new --set data.split_column=event | data.split_column event must be 0 (training), 1 (validation)
fit a.toml -o new --set data.folds=2 | data: folds must be 0, or 3 and more: one is the test, one
fit a.toml -o new --set data.folds=40 | the test part of tau.h5 has no signal among its 2 jets, and
fit a.toml -o new --set data.folds=3 --set data.fold=3 | data: fold must be below folds (3), not 3
fit a.toml -o new --set data.fold_column=event | data: fold_column needs folds, the number of parts
fit a.toml -o new --set data.folds=3 --set data.split_column=event | two ways to share out the jets
fit a.toml -o new --set data.pt_bins=[10] | data.pt_bins: pT bin edges must be at least two rising
fit a.toml -o new --set data.pt_bins=[20,10] | data.pt_bins: pT bin edges must be at least two rising
fit a.toml -o new --set data.negative_weights=drop | data.negative_weights: input should be 'keep', 'absolute' or
fit a.toml -o new --set data.memory=disk | data.memory: input should be 'auto', 'hold' or 'stream', not
fit a.toml -o new --set data.memory=stream | data.memory = 'stream' reads graph stores in pieces, but
fit a.toml -o new --set data.columns.x=pt+ | data.columns: x cannot be read: 'pt+' (invalid syntax)
fit a.toml -o new --set data.columns.x=nope | 'nope' needs nope; there are: decay_mode, eta, event, ieta
fit a.toml -o new --set data.columns.x=__import__('os') | data.columns: x "__import__('os')": there is no function
fit a.toml -o new --set data.columns.x=log(pt-1000) | data.columns.x = 'log(pt-1000)' must be finite
fit a.toml -o new --set data.selection=pt> | data.selection: the expression cannot be read: 'pt>' (invalid
fit a.toml -o new --set data.selection=pt>1000 | no jet of tau.h5 passes data.jet_pt and data.selection
fit a.toml -o new --set data.selection=nope>1 | 'nope>1' needs nope; there are: decay_mode, eta, event, ieta
fit a.toml -o new --set data.candidate_selection=nope>1 | 'nope>1' needs nope; there are: FatJet_decay_mode
fit a.toml -o new --set data.weight=nope | 'nope' needs nope; there are: decay_mode, eta, event
fit a.toml -o new --set data.compare.DeepTau=nope | data.compare: there is no column 'nope'; jets and truth have
fit a.toml -o new --set data.samples.x.files=tau.h5 | data: sample and [data.samples] are two ways to name the
fit a.toml -o new --set graph.nodes=photons | graph.nodes: input should be 'hits', 'candidates', 'detector'
fit a.toml -o new --set graph.nodes=pixels | nodes are 'pixels', but this sample has jets, whose nodes are
fit a.toml -o new --set graph.nodes=detector | graphs of detector objects need objects (track, ecal, hcal
fit a.toml -o new --set graph.edges=knn | knn needs a positive integer, such as knn:8, got 'knn' in
fit a.toml -o new --set graph.edges=knn:0 | knn needs a positive integer, such as knn:8, got 'knn:0' in
fit a.toml -o new --set graph.edges=knn:2+nonsense | a graph must be knn:<k>, radius:<r>, delaunay, full, grid8
fit a.toml -o new --set graph.edges=radius:-1 | radius needs a positive number, such as radius:0.2, got
fit a.toml -o new --set graph.node_features=["nope"] | there is no input 'nope'; this sample has charge, d0
fit a.toml -o new --set graph.node_features=["pt:cube"] | 'pt:cube': the transform must be one of identity, log, log1p
fit a.toml -o new --set graph.node_features=["pt","pt"] | each input can be taken once, received pt, pt
fit a.toml -o new --set graph.jet_features=["nope"] | there is no input 'nope'; this sample has eta, ieta, iphi
fit a.toml -o new --set graph.coordinates=["eta"] | the graph knn:2 needs the coordinates eta; this sample lacks
fit a.toml -o new --set graph.max_nodes=-1 | max_nodes must not be negative, it is -1
fit a.toml -o new --set model.name=nope | model.name must be one of gat_cheb, particle_net
fit a.toml -o new --set model.phi=4 | model.phi: Input should be a valid tuple, not 4
fit a.toml -o new --set model.phi=[0] | phi must be positive, not (0,)
fit a.toml -o new --set model.depth=4 | unknown key 'model.depth'; deep_sets accepts phi, dense
fit a.toml -o new --set model.pool=median | pool must be 'sum', 'mean' or 'max', not 'median'
fit a.toml -o new --set model.dropout=2 | dropout must be in [0, 1), not 2.0
fit a.toml -o new --set training.epochs=0 | training.epochs: input should be greater than or equal to 1
fit a.toml -o new --set training.epochs=2.5 | training.epochs: input should be a valid integer, got a
fit a.toml -o new --set training.batch_size=0 | training.batch_size: input should be greater than or equal to
fit a.toml -o new --set training.optimizer=nope | training.optimizer must be one of Keras' optimizers, such as
fit a.toml -o new --set training.learning_rate=0 | training.learning_rate: input should be greater than 0, not 0
fit a.toml -o new --set training.learning_rate=nan | training.learning_rate: input should be a finite number, not nan
fit a.toml -o new --set training.learning_rate=inf | training.learning_rate: input should be a finite number, not
fit a.toml -o new --set training.schedule=linear | training.schedule: input should be 'cosine' or 'constant'
fit a.toml -o new --set training.warmup_epochs=5 | training: warmup_epochs must be below epochs (1), not 5
fit a.toml -o new --set training.weight_decay=-1 | training.weight_decay: input should be greater than or equal
fit a.toml -o new --set training.ema_momentum=1 | training.ema_momentum: input should be less than 1, not 1
fit a.toml -o new --set training.start=absent | training.start must be the folder of a finished run or
fit a.toml -o new --set training.start=tau_detector | training.start: tau_detector was trained with graph.nodes =
fit a.toml -o new --set outputs.x.kind=ternary | outputs.x.kind: input should be 'binary', 'multiclass' or
fit a.toml -o new --set outputs.x.kind=multiclass | outputs.x: classes must list at least two different values
fit a.toml -o new --set outputs.x.column=nope | outputs.x.column must be a column of the sample
fit a.toml -o new --set outputs.x.loss=huber | outputs.x: loss must be one of binary_crossentropy
fit a.toml -o new --set outputs.x.relative_to=pt | outputs.x: relative_to is for regression
fit a.toml -o new --set outputs.x.kind=regression --set outputs.x.classes=[1] | a regression has none
fit a.toml -o new --set outputs.x.kind=regression --set outputs.x.column=nope | outputs.x.column must be a column
fit a.toml -o new --set outputs.x.hidden=[0] | outputs.x: hidden must be positive
fit a.toml -o new --set logging.services=["tensorflow"] | logging.services.0: input should be 'wandb', 'mlflow' or
fit a.toml -o new --set logging.callbacks=["nope"] | logging.callbacks must be 'module:Class', not 'nope'
fit a.toml -o new --set logging.callbacks=["nope:Nope"] | 'nope:Nope' cannot be made
fit a.toml -o new --set plots.formats=["gif"] | plots.formats.0: input should be 'png', 'pdf' or 'svg', not
fit a.toml -o new --set plots.dpi=1 | plots.dpi: input should be greater than or equal to 20, not 1
fit a.toml -o new --folds 2 | the configuration of a fold: data: folds must be 0, or 3 and
fit a.toml -o new --folds 0 | the number of folds must be given: at least 3, here or as
fit a.toml -o full --folds 3 | full exists already and is not of 3 folds; choose another
evaluate absent | there is no run folder absent
evaluate full | full is not a run folder: it has no config.json; make one
evaluate run --set seed=1 | only keys of the section plots can be set here, such as
evaluate run --set plots.nope=1 | --set: unknown key 'plots.nope'; accepted here: experiment
evaluate run --relocate nonsense | --relocate must be OLD=NEW, got 'nonsense'
evaluate run --relocate absent=there | --relocate: no file of the run lies in absent
predict absent tau.h5 -o s.h5 | there is no run folder absent
predict run absent.h5 -o s.h5 | there is no file absent.h5
predict run text.h5 -o s.h5 | text.h5 cannot be read, it is truncated or damaged (Unable to
predict run tau.h5 -o s.txt | a file of scores must end in .h5, .hdf5, .root, .parquet
predict run tau.h5 -o s | a file of scores must end in .h5, .hdf5, .root, .parquet
predict run tau.h5 -o full | a file of scores must end in .h5, .hdf5, .root, .parquet
predict run tau.h5 -o absent/s.h5 | the folder absent of s.h5 does not exist; create it first
predict run tau.h5 -o s.h5 --reader nonsense | there is no reader 'nonsense'; there are: cms_uds_g, e2e_tf
predict run tau.h5 -o s.h5 --option signal | an option of a reader must be name=value, got 'signal'
predict run tau.h5 -o s.h5 --option nope=1 | the reader e2e_tf cannot be called like that: it has no
predict run words.npz -o s.h5 | words.npz is of no known format: it is npz with X; the
inspect absent.h5 | there is no file absent.h5
inspect full | full is a folder; name a file in it
inspect text.root | text.root must be HDF5, ROOT, parquet, npz, npy or
inspect text.parquet | text.parquet must be HDF5, ROOT, parquet, npz, npy or
inspect empty.h5 | empty.h5 must be HDF5, ROOT, parquet, npz, npy or
inspect root://host//x.root | root://host//x.root is on another machine; reading root://
inspect s3://bucket/x.root | s3://bucket/x.root is on another machine; reading s3:// needs
inspect tau.h5 --reader nonsense | there is no reader 'nonsense'; there are: cms_uds_g, e2e_tf
inspect tau.h5 --reader energyflow | tau.h5 cannot be read, it is truncated, damaged or of another
inspect tau.h5 --option nope=1 | the reader e2e_tf cannot be called like that: it has no
inspect tau.h5 --plot p.gif | a plot must end in .png, .pdf or .svg, not 'p.gif'
inspect tau.h5 --plot full | a plot must end in .png, .pdf or .svg, not 'full'
convert absent.h5 -o g.h5 | there is no file absent.h5
convert text.h5 -o g.h5 | text.h5 must be HDF5, ROOT, parquet, npz, npy or
convert tau.h5 -o absent/g.h5 | the folder absent of g.h5 does not exist; create it first
convert tau.h5 -o tau.h5 | tau.h5 exists already; choose another name, or give --force
convert tau.h5 -o g.h5 --graph knn:x | knn needs a positive integer, such as knn:8, got 'knn:x' in
convert tau.h5 -o g.h5 --nodes photons | nodes must be 'hits', 'candidates', 'detector' or 'pixels'
convert tau.h5 -o g.h5 --max-nodes -1 | max_nodes must not be negative, it is -1
convert tau.h5 -o g.h5 --reader nonsense | there is no reader 'nonsense'; there are: cms_uds_g, e2e_tf
convert tau.h5 -o g.h5 --processes 0 | processes and piece must be positive, they are 0 and 2000
convert tau.h5 -o g.h5 --on-error ignore | on_error must be 'stop' or 'skip', not 'ignore'
simulate -o s.h5 --process nope | process must be one of tau, wtau, wtau_all, z_jet, dijet
simulate -o s.h5 --jets 1 | jets must be an integer of at least 2, got 1
simulate -o s.h5 --pileup -1 | pileup must be a number from 0 to 200, got -1.0
simulate -o s.h5 --detector atlas | detector must be one of cms, cms2012, got 'atlas'
simulate -o s.h5 --workers 0 | workers must be an integer of at least 1, got 0
simulate -o absent/s.h5 | the folder absent of s.h5 does not exist; create it first
fetch nonsense | there is no data set 'nonsense'; there are: top_tagging
fetch jetnet -o absent | the folder absent does not exist; create it first
models nonsense | model must be one of gat_cheb, particle_net
compare run | a comparison needs at least two runs, received 1
compare run run | each run can be compared once, received run, run
compare run absent | there is no run folder absent
display absent -o p.html | there is no sample absent; data.sample takes a path or one of
display tau.h5 -o p.html --nodes photons | nodes must be 'hits', 'candidates', 'detector' or 'pixels'
display tau.h5 -o p.html --graph knn:x | knn needs a positive integer, such as knn:8, got 'knn:x' in
display tau.h5 -o p.html --jets 0 | a display needs at least 1 jet, not 0
display tau.h5 -o absent/p.html | the folder absent of p.html does not exist; create it first
tune -o sweep | a search needs a configuration: e2e-tf tune CONFIG.toml -o
tune a.toml | give the folder with -o: of the sweep, or with --retrain of
tune absent.toml -o sweep | there is no configuration absent.toml
tune a.toml -o full | full exists already and is not a sweep; choose another folder
tune a.toml -o sweep --workers 0 | workers must be at least 1, not 0
tune a.toml -o sweep --set tune.trails=3 | unknown key 'tune.trails'; accepted here: algorithm
tune a.toml -o sweep --set tune.trials=0 | tune.trials: input should be greater than or equal to 1, not 0
tune a.toml -o sweep --set tune.algorithm=grid | tune.algorithm: input should be 'random', 'hyperband' or
tune a.toml -o sweep --set tune.objective=val_f1 | tune.objective must be one of what the model logs, val_auc
tune a.toml -o sweep --set tune.direction=up | tune.direction: input should be '', 'max' or 'min', not 'up'
tune a.toml -o sweep --set tune.hypermodel=nope | tune.hypermodel must be 'module:Class', not 'nope'
tune a.toml -o sweep --set tune.hypermodel=nope:Nope | tune.hypermodel 'nope:Nope' cannot be imported: No module
tune a.toml -o sweep --set tune.space.data.jet_pt=[1,2] | unknown section 'tune.space.data'; accepted: graph, model
tune a.toml -o sweep --set tune.space.model.nope=[1,2] | unknown parameter 'tune.space.model.nope'; accepted: phi
tune a.toml -o sweep --set tune.space.model.phi=[] | tune.space.model.phi has no choices; give at least one
tune a.toml -o sweep --set tune.space.training.optimizer=["nope"] | the space is empty
tune a.toml -o sweep --force | --force belongs to --retrain; a search never replaces a sweep
tune a.toml -o sweep --relocate a=b | --relocate belongs to --retrain; a search takes its sample
tune -o sweep --worker | a worker needs the address of its chief: --chief HOST:PORT
tune -o sweep --worker --chief nonsense | the chief's address must be HOST:PORT, such as
tune --retrain absent -o new | there is no sweep folder absent
tune --retrain full -o new | full is not a sweep folder: it has no sweep.json; make one
tune --retrain full a.toml -o new | --retrain takes a sweep folder, -o and --seeds, and nothing
export absent -o b | there is no run folder absent
export full -o b | full is not a run folder: it has no config.json; make one
export tau.h5 -o b | tau.h5 must be a Keras model whose layers are registered by
export run -o b --interface nope | the interface must be one of edges, padded, tensors, not
export run -o b --formats onnx,nope | formats must be some of onnx, pb, savedmodel, not nope
export run -o b --cmssw nope | the CMSSW release must be a series from 12_1 to 20_1, such as
export run -o b --fixed 0 5 | a fixed shape takes positive (B, N) and the padded interface
export run -o full | full exists already; choose another name, or give --force to
export run -o absent/b | the folder absent of b does not exist; create it first
validate absent | there is no bundle absent
validate full | full is not a bundle: it has no manifest.json; make one with
validate run | run is not a bundle: it has no manifest.json; make one with
cmssw absent -o p | there is no bundle absent
cmssw run -o p | run is not a bundle: it has no manifest.json; make one with
triton absent -o t | there is no bundle absent
triton full -o t | full is not a bundle: it has no manifest.json; make one with
dump-jets absent.h5 -o c.bin | there is no sample absent.h5; data.sample takes a path or one
dump-jets text.h5 -o c.bin | text.h5 cannot be read, it is truncated or damaged (Unable to
dump-jets tau.h5 -o absent/c.bin | the folder absent of c.bin does not exist; create it first
dump-jets tau.h5 -o c.bin --reader nonsense | there is no reader 'nonsense'; there are: cms_uds_g, e2e_tf
new full | full exists already; choose another name
new absent/new | the folder absent of new does not exist; create it first
demo --out full | full exists already; choose another name with --out, or give
"""
ROWS = [line.split(" | ") for line in INPUTS.strip().splitlines()]


@pytest.fixture(scope="module")
def prepared(trained, tmp_path_factory) -> Path:
    """Files that cannot be used, a configuration and a run that can."""
    place = tmp_path_factory.mktemp("bad")
    jets = read_jets(sample_path("tau")).take(np.arange(120))
    write_jets(place / "tau.h5", jets)
    write_jets(place / "background.h5", jets.take(np.flatnonzero(jets.label == 0)))
    write_jets(place / "unlabelled.h5", replace(jets, label=None))
    whole = (place / "tau.h5").read_bytes()
    (place / "cut.h5").write_bytes(whole[: len(whole) // 2])
    for name, text in (("text.h5", "no"), ("empty.h5", ""), ("text.root", "no"), ("text.parquet", "no")):
        (place / name).write_text(text)
    (place / "list.txt").write_text("absent.h5\n")
    np.savez(place / "words.npz", X=np.array(["a", "b"]))
    (place / "full").mkdir()
    (place / "full" / "thesis.tex").write_text("mine")
    (place / "latin.toml").write_bytes(b'title = "\xe9"')
    (place / "broken.toml").write_text("[data")
    (place / "a.toml").write_text(
        '[data]\nsample = "tau.h5"\nreweight_pt = false\nsplit = [0.5, 0.2, 0.3]\n'
        '[graph]\nnodes = "candidates"\nedges = "knn:2"\n'
        '[model]\nname = "deep_sets"\nphi = [4]\ndense = [4]\n[training]\nepochs = 1\n'
    )
    shutil.copytree(trained, place / "run")
    return place


def test_the_list_is_long():
    assert len({typed for typed, _ in ROWS}) == len(ROWS) >= 120


@pytest.mark.parametrize(("typed", "sentence"), ROWS)
def test_bad_input_is_one_sentence_and_status_2(prepared, monkeypatch, capsys, typed, sentence):
    monkeypatch.chdir(prepared)
    monkeypatch.setattr("sys.argv", ["e2e-tf", *typed.split(" ")])
    before = {path: path.stat().st_mtime_ns for path in prepared.rglob("*") if path.is_file()}

    with pytest.raises(SystemExit) as stopped:
        cli.main()

    err = capsys.readouterr().err
    errors = [line for line in err.splitlines() if line.startswith("e2e-tf: error: ")]
    assert stopped.value.code == 2, err
    assert errors == err.splitlines()[-1:], err
    assert sentence in errors[0]
    assert "Traceback" not in err
    assert {path: path.stat().st_mtime_ns for path in prepared.rglob("*") if path.is_file()} == before
    assert not [path for path in prepared.iterdir() if path.name in ("new", "sweep", "b", "p", "t")]
