"""Fast kernels, each equal to a formula that stands in a layer's file."""
