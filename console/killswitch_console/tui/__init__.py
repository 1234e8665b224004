"""The console as an app: a face of the halting engine, which runs in a thread of its own."""
