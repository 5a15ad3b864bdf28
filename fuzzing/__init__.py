"""Differential fuzzing: programs compiled in every way that the compiler knows must do what they do at -O0."""
