"""Collections moved in and out: records as they are, no vector recomputed, and proof at the end that nothing changed.

records    what is moved: collections and pages of records, and their checksums
chroma/    Chroma's API: a server by URL, and a folder of Chroma's opened by the pinned engine as a server of its own
files/     Parquet and JSONL: a file per collection, beside it a description
comparison whether two records are equal, as far as Chroma keeps them
bring      from any of them into a server; what is there already is compared and left alone
dump       from a server into files
moving     all collections that are asked for, one after the other
report     the proof in a table and in JSON
proof      both sides read again and compared: every record, and what sample queries find

Two things make it resumable without a state of its own: a record that the target has and that is equal is not written
again, and a file gets its name when it is whole. So a command that was killed is run again, as it was.
"""
