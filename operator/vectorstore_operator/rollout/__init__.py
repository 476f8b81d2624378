"""Plans and releases change, stores follow one after another: editions, the steps between them, and whose turn it is.

Pure but for what is kept in memory of turns that were given.
"""
