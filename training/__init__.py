"""Corpus, profiles, search and learning of policies."""
