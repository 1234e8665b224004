"""What exists: agents, the targets that stop them, and how the two are known to belong together.

Pure model and folding. Must not do I/O, and must not import a backend or the console.
"""
