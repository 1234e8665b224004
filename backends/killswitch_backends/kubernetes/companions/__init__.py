"""Objects that are changed together with a target, because they would bring it back: found, held, and let go again."""
