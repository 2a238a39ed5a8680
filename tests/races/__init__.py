"""Branches beside each other in every way of asyncio and anyio: replays keep every winner."""
