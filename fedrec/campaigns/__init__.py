"""Many runs, each measured once: cells of experiments, the store of their results, and the workers that measure them."""
