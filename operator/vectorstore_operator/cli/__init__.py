"""`vectorstore` and `kubectl vectorstore`: the stores of this machine, and those of a cluster."""
