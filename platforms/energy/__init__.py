"""Energy of programs on Ibex: gate-level ground truth, and models of it that run as fast as the simulators."""
