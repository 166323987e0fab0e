"""The verbs over any `concurrent.futures.Executor`: processes, loky, Dask, Ray."""

from corral.scale.over import over
from corral.scale.own_pool import OwnPool
from corral.scale.parcel import RemoteError, RemoteTraceback
from corral.scale.ray import RayExecutor

__all__ = ["OwnPool", "RayExecutor", "RemoteError", "RemoteTraceback", "over"]
