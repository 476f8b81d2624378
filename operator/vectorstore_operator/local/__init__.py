"""A store on one machine: the same manifest, plan arithmetic and Settings, run as a process.

manifest   files -> VectorStore and VectorStorePlan documents
wanted     a document, its plan and what is there -> what should be there; pure
steps      what is there, what should be -> what to do; pure
folder     a store's folder: record, limits, keys
keys       what is in its key files, and when that is exchanged
process    the running part: spawn, ask, stop
ports      loopback ports that are free
model      the converted embedding model
supervisor the process that keeps an instance running
look       a store as it is
stores     up and down: the above in order
backups    backups of a store, by the program that makes them
change     what is changed of a store beside that
"""


class Problem(Exception):
    """Something the user can mend; the message says what and how."""


class Invalid(Problem):
    """A manifest that is wrong in itself."""
