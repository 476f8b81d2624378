"""Backups and restores that tenants ask for by their keys."""
