"""From a training run to a policy that the compiler reads, with the proof that both engines choose the same."""
