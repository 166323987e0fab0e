"""The hazards of `corral check`, caught while a program or a test suite runs.

```python
from corral.guard import guard, install, run

async with guard():          # a block, inside a loop
    ...
install()                    # a whole program: before asyncio.run
run(main())                  # asyncio.run(main()), guarded
```

`python -m corral.guard program.py` guards a program as it is, and the pytest plugin (`corral_guard = true`) fails the tests that leak.
"""

from corral.guard.catalogue import Kind
from corral.guard.context import Guard, guard
from corral.guard.install import Installation, install, run
from corral.guard.report import LeakedTask, LeakWarning, Place, Report
from corral.guard.scope import Policy

__all__ = [
    "Guard",
    "Installation",
    "Kind",
    "LeakWarning",
    "LeakedTask",
    "Place",
    "Policy",
    "Report",
    "guard",
    "install",
    "run",
]
