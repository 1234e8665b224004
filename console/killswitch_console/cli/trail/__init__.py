"""What ``audit`` does: each action takes the command's options and returns an exit code."""
