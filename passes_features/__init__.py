"""The compiler core as Python sees it: features, actions, and a `Session` that applies them to a module."""
