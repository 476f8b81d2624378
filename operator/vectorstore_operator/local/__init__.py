"""A store on one machine: the same manifest, plan arithmetic and Settings, run as a process.

manifest   files -> VectorStore and VectorStorePlan documents
wanted     a document, its plan and what is there -> what should be there; pure
steps      what is there, what should be -> what to do; pure
folder     a store's folder: record, limits, keys, ports
process    the running part: spawn, ask, stop
supervisor the process that keeps an instance running
stores     up, get, down: the above in order
"""


class Problem(Exception):
    """Something the user can mend; the message says what and how."""


class Invalid(Problem):
    """A manifest that is wrong in itself."""
