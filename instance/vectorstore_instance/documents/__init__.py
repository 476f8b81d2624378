"""Files in, searchable passages out.

A *database* is a collection of Chroma's; its *files* are what was uploaded to it. The wish is durable:
`uploads` brings a request's files to disk and `ledger` notes what shall become of each, both before
the answer 202. `jobs` then does the work, one file at a time: `fetch` gets what was named by URL,
`parse` has a process of its own (`worker`, with `parsers`) turn it into text, `chunk` divides that, and
`store` writes the passages to the engine, where every other face of the instance finds them. Each step
may be done twice, so that work cut off anywhere, by a kill even, is taken up where it was.

Importing this package loads none of the libraries behind it.
"""
