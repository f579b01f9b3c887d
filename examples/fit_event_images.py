"""Drawn collision events: which process made them, and the dimuon mass of the events called Drell-Yan."""

import argparse

from e2e_tf.images import (
    class_metrics,
    dimuon_mass,
    generate_events,
    mass_spectra,
    render_events,
    select_events,
)
from e2e_tf.models import build_model

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--entries", type=int, default=600)
parser.add_argument("--backbone", default="mobilenetv2", help="resnet50, densenet121, inceptionv3, ...")
parser.add_argument("--pretrained", action="store_true", help="start from ImageNet weights (a download)")
options = parser.parse_args()

events, classes = generate_events(options.entries, seed=1)  # yours: e2e_tf.images.Events of muons, jets, MET
events = events.take(select_events(events, max_jets=4))
images, label = render_events(events), events.label
cut = len(label) * 3 // 4
settings = {"backbone": options.backbone, "pretrained": options.pretrained}
model = build_model("event_images", 3, 0, settings, outputs=len(classes))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
model.fit({"image": images[:cut]}, label[:cut], batch_size=16, epochs=options.epochs)
score = model.predict({"image": images[cut:]}, batch_size=16)
print(class_metrics(label[cut:], score, classes))
print(mass_spectra(dimuon_mass(events)[cut:], score, classes, bins=[0, 60, 80, 100, 120, 500])["drell_yan"])
