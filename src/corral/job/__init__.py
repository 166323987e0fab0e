"""One async function over a million inputs, with results that survive `kill -9`: `run_job`, and the command `corral run`."""

from __future__ import annotations

import importlib

try:
    importlib.import_module("msgspec")
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "corral.job needs msgspec, which is not installed: pip install 'corral[cli]'", name="msgspec"
    ) from _error

from corral.job.errors import BadInput, JobError, JournalError, NotEncodable, WorkerError
from corral.job.run import arun_job, run_job
from corral.job.summary import FailureKind, Summary

__all__ = [
    "BadInput",
    "FailureKind",
    "JobError",
    "JournalError",
    "NotEncodable",
    "Summary",
    "WorkerError",
    "arun_job",
    "run_job",
]
