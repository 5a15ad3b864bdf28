"""Latency of neural networks from stacked models: what the runtime executes, and how long each piece takes."""
