"""Tenants' instances: what they are asked, and what they are told, on their management ports."""
