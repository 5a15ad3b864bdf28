"""Predicts what programs and neural networks cost on a platform, from measurements of small ones."""
