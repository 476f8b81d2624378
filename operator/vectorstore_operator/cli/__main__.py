"""`python -m vectorstore_operator.cli`."""

from vectorstore_operator.cli.main import main

main()
