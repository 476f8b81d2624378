"""The data plane: one tenant's server, a front of our own before Chroma's server as its child."""

__version__ = "0.1.0"
