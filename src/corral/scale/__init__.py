"""The verbs over any `concurrent.futures.Executor`: processes, loky, Dask, Ray."""

from corral.scale.over import over
from corral.scale.parcel import RemoteError, RemoteTraceback

__all__ = ["RemoteError", "RemoteTraceback", "over"]
