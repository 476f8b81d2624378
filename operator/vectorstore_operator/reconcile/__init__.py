"""From what was seen to what should be: the loop, what it asks before it writes, and the Secrets that it keeps."""
