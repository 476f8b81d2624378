"""A whole store in one stream: a tar in zstd that proves itself while it is read.

The manifest comes first, so that a reader can refuse a newer format, another model or what it has no room
for before it has read, let alone written, anything else; and so that every later byte is held against a
size and a checksum known before. `complete.json` comes last: what has none was cut off.

Nothing here needs an engine or an instance, so jobs and commands read archives by the same code.
"""

from vectorstore_instance.archive.manifest import FORMAT, Collection, Embedding, File, Manifest, Sample
from vectorstore_instance.archive.reading import Archive, NewerFormat, Stream
from vectorstore_instance.archive.rows import RowDigest
from vectorstore_instance.archive.unpacked import ArchiveError
from vectorstore_instance.archive.writing import pack

__all__ = [
    "FORMAT",
    "Archive",
    "ArchiveError",
    "Collection",
    "Embedding",
    "File",
    "Manifest",
    "NewerFormat",
    "RowDigest",
    "Sample",
    "Stream",
    "pack",
]
