"""Simulated Lambda: functions, their concurrency, their event sources, and the invocations under way."""
