"""Keys of tenants: what a store's Secrets hold, and when keys are exchanged; `reconcile.keeper` does it."""
