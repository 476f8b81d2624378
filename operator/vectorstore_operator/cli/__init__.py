"""`vectorstore`: stores on this machine."""
