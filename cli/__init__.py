"""The commands of `mlcomp`, one module each, imported only when they are called."""
