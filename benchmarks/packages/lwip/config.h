// Nothing is configured.
