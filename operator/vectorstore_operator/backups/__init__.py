"""Backups and restores in a cluster: what is known of them, what is next for each, and the Jobs that do it.

known       what is kept of backups and grants
places      where a backup is, and the keys to that place
job         the Job that does one thing of one of them, and its Secret; `jobs` starts it and tells how it fares
phase       what is next for one backup; `loop` does it
removal     archives that go
schedule    when cron's times come; `course` is how far a store has come with them, `stores` has them carried out
retention   which backups go
care        how a store is to be backed up; `health` is how well it is
line        whose turn it is
"""
