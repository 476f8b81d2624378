"""The API server: requests, watches and what they brought, the Lease and Events."""
