"""One widget per file; they draw lines and rows, and decide nothing."""
