"""Who may use the switch, and who is using it. Imports no Textual and no platform SDK."""
