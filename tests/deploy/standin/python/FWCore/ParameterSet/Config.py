"""The configuration language, as the closure of 'e2e-tf validate' has it."""

from e2e_tf.deploy.cms_config import *  # noqa: F403
