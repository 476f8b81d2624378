"""Volumes of a live cluster: what it has for them, and how a store's grow."""
