"""``make bench``: one module per question, each with ``async def measure() -> list[Row]``; figures, not tests."""
