"""`python -m vectorstore_operator`."""

from vectorstore_operator.main import main

raise SystemExit(main())
