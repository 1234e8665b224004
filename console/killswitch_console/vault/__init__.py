"""Where secrets are resolved: the one place that reads them. Nothing here logs, prints or keeps one."""
