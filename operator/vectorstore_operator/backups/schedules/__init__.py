"""Backups by the clock: when the next is due, which stay, and whether a store is well protected."""
