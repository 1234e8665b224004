"""The wall display: the read-only console in a browser, behind a token."""
