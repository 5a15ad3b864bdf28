"""The policies that ship, a folder each with its manifest and models, and what reads and checks them."""
