"""``check``: would the switch work now, and would it stop everything. Looks only; the same findings for every face."""
