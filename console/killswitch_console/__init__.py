"""Everything a person decides or sees: the halting engine, authority, audit, drills, the app and the command line."""
