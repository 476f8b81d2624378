"""Backups of whole stores: `python -m vectorstore_instance.backup`, one job and its result.

job          what is asked for; with `result` all that others share with it
result       what came of it
"""
