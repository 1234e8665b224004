"""The command line: a complete, scriptable face of the engine, and the accessible one. Imports no Textual."""
