"""Chroma's API, version 2, as a source and as a target.

wire        requests, what is worth trying again, refusals in words
vectors     numbers in JSON -> 32-bit floats, and those -> what is sent
server      databases, collections, records
engine      the pinned engine on a folder, as a server of this command's own
directory   a folder of Chroma's: copied and opened, or made
"""
