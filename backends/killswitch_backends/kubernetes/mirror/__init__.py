"""The live picture of one cluster: listed once, then watched. It never proves that nothing runs."""
