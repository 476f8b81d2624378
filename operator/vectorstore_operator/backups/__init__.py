"""Backups and restores in a cluster: what is known of them, what is next for each, and the Jobs that do it.

known, watching   what is kept of backups and grants, and where it comes from
places            where a backup is, and the keys to that place
jobs              the Job that does one thing of one of them, its Secret, how it fares, and the instance it goes to
making            how one backup comes to be, is proven, and goes
schedules         backups by the clock, which of them stay, and how well a store is protected
restores          what a store is restored from, and how it gets on
tenants           what tenants ask for by their keys
line              whose turn it is
"""
