"""`python -m vectorstore_instance`."""

from vectorstore_instance.main import main

main()
