"""A process that is killed while a verb of it runs over a pool of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.processes import children, until


def killed_parent(folder: Path) -> list[int]:
    """Kills a process whose verb runs over a pool of our own, when four inputs have begun; its children."""
    program = textwrap.dedent(
        """
        import asyncio, sys
        from corral import stream_tg
        from corral.scale import OwnPool
        from tests.scale import functions as f

        async def main():
            with OwnPool(2) as pool:
                jobs = [(sys.argv[1], number) for number in range(4)]
                async with stream_tg(f.waits, jobs, limit=4, executor=pool) as results:
                    async for _ in results:
                        pass

        if __name__ == "__main__":
            asyncio.run(main())
        """
    )
    script = folder / "parent.py"
    script.write_text(program)
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    parent = subprocess.Popen([sys.executable, script, folder], env=os.environ | {"PYTHONPATH": path})
    try:
        until(lambda: len(list(folder.glob("began-*"))) == 4)
        return children(parent.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
