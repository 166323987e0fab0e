"""Gather every coroutine; lose none."""

from corral.outcome import Err, ItemCancelled, Ok, OnError, Outcome

__all__ = ["Err", "ItemCancelled", "Ok", "OnError", "Outcome"]
