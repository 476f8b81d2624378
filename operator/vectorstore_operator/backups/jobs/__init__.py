"""The Jobs that work on backups: how one is made, how it fares, and the instance it goes to."""
