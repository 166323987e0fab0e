"""Gather every coroutine; lose none."""

from corral._progress import SupportsUpdate
from corral._streaming import Stream
from corral.gather import gather_tg
from corral.join import join_tg
from corral.outcome import Err, ItemCancelled, Ok, OnError, Outcome
from corral.spawn import drain, spawn
from corral.stream import map_tg, stream_tg

__all__ = [
    "Err",
    "ItemCancelled",
    "Ok",
    "OnError",
    "Outcome",
    "Stream",
    "SupportsUpdate",
    "drain",
    "gather_tg",
    "join_tg",
    "map_tg",
    "spawn",
    "stream_tg",
]
