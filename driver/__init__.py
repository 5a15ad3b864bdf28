"""`mlcc` and `mlcc++`: clang with a learned optimiser.

Every compile starts here: only the standard library is used, and little of it.
"""
