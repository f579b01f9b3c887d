"""Search for a better tau tagger on the shipped sample, in ten lines."""

from e2e_tf.tuning import retrain, tune

if __name__ == "__main__":  # trials run in processes of their own
    sweep = tune("examples/tune_tau.toml", "sweep")
    best = sweep.best()
    print(f"Trial {best.trial}: validation AUC {best.score:.4f} with {best.values}")
    print(retrain(sweep, "best_run", seeds=5)[0].folder, "is ready for 'e2e-tf evaluate'")
