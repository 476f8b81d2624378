"""Files: one of records for each collection, and beside it a description of the collection.

tree        OUT/DATABASE/NAME.parquet or .jsonl, NAME.collection.json
jsonl       a record a line
parquet     a record a row
"""
