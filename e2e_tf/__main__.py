"""``python -m e2e_tf`` is the command ``e2e-tf``."""

from e2e_tf.cli import main

main()
