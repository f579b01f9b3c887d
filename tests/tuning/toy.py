"""HyperModels that train nothing, for tests of the search itself; copied beside a configuration."""

import os
import signal
import time
from pathlib import Path


def meet():
    """The first trial waits for the second to begin, which another worker has to do."""
    here = Path(__file__).parent
    (here / f"begun-{os.getpid()}").touch()
    end = time.monotonic() + 60
    while len(list(here.glob("begun-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.02)


class Toy:
    """The best is x = 0.3 with n = 1."""

    seconds = 0.02

    def build(self, hp):
        return {"x": hp.Float("x", 0, 1), "n": hp.Int("n", 1, 5), "kind": hp.Choice("kind", ["a", "b"])}

    def value(self, model, epoch):
        return 1 - (model["x"] - 0.3) ** 2 - 0.01 * model["n"] + 0.001 * epoch

    def fit(self, hp, model, callbacks=(), epochs=3, initial_epoch=0):
        (log,) = callbacks
        for epoch in range(initial_epoch, epochs):
            time.sleep(self.seconds)
            log.on_epoch_end(epoch, {"val_auc": self.value(model, epoch)})
            if log.pruned:
                break
        # No two runs of a trial give the same number, so a repeated one shows.
        return {**log.best_metrics, "nonce": float(time.time_ns() % 10**12)}


class Slow(Toy):
    seconds = 0.12


class Slower(Toy):
    seconds = 0.5


class Moody(Toy):
    """Trials with n > 3 raise, those with n == 3 are killed, those with n == 2 run out of memory."""

    def fit(self, hp, model, callbacks=(), **kwargs):
        if model["n"] > 3:
            raise ValueError(f"no luck with n = {model['n']}")
        if model["n"] == 3:
            callbacks[0].on_epoch_end(0, {"val_auc": 0.5})
            os.kill(os.getpid(), signal.SIGKILL)
        if model["n"] == 2:
            raise MemoryError("no memory for n = 2")
        return super().fit(hp, model, callbacks, **kwargs)


class Meeting(Moody):
    def fit(self, hp, model, callbacks=(), **kwargs):
        meet()
        return super().fit(hp, model, callbacks, **kwargs)


class Hopeless(Toy):
    def fit(self, hp, model, callbacks=(), **kwargs):
        raise RuntimeError(f"it never works, x = {model['x']}")


class Undefined(Toy):
    def value(self, model, epoch):
        return float("nan") if model["n"] > 1 else 0.5


class Lonely(Toy):
    """Nothing to choose."""

    def build(self, hp):
        return {"x": hp.Fixed("x", 0.5), "n": 1}


class Broken(Toy):
    def build(self, hp):
        raise KeyError("no such layer")


class Conditional(Toy):
    """y exists only for kind b."""

    def build(self, hp):
        model = {"x": hp.Float("x", 0, 1), "n": 1, "kind": hp.Choice("kind", ["a", "b"])}
        with hp.conditional_scope("kind", ["b"]):
            if model["kind"] == "b":
                model["x"] += 0 * hp.Int("y", 1, 3)
        return model


class Growing(Toy):
    """As many widths as there are layers, as the guide of Keras Tuner writes them."""

    def build(self, hp):
        layers = [hp.Int(f"units_{i}", 8, 64, step=8) for i in range(hp.Int("layers", 1, 3))]
        return {"x": sum(layers) / 200, "n": len(layers)}


class Late(Toy):
    def fit(self, hp, model, callbacks=(), **kwargs):
        hp.Choice("batch_size", [16, 32])
        return super().fit(hp, model, callbacks, **kwargs)


class OnlyLate(Late):
    def build(self, hp):
        return {"x": 0.5, "n": 1}
