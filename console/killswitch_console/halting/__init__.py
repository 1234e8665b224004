"""The halting engine: plan, halt, prove, restore. Imports no Textual and no platform SDK; screens are faces of it."""
