"""What a store is restored from: what that waits for, its Job, and how it gets on."""
