"""The pool of our own: how it starts, and how it ends with who has made it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from corral import map_tg
from corral.scale import OwnPool
from tests.processes import lives, until
from tests.scale import functions as f
from tests.scale.parent import killed_parent


async def test_forkserver_of_our_own() -> None:
    """A pool of our own can be made by a forkserver as well."""
    with OwnPool(1, "forkserver") as one:
        assert await map_tg(f.same, range(5), limit=2, executor=one) == list(range(5))


def test_interrupt_while_workers_start(folder: Path):
    """Ctrl-C that meets a worker on its way into being says nothing of it: no traceback, and it serves as if nothing had been."""
    program = (
        "import os, signal\n"
        "from corral.scale.own_pool import OwnPool\n"
        "def blocked(): return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, lambda *_: None)\n"
        "    with OwnPool(1) as pool:\n"
        "        first = pool.submit(os.getpid)\n"
        "        (pid,) = pool._processes\n"
        "        os.kill(pid, signal.SIGINT)\n"
        "        assert first.result() == pid\n"
        "        os.kill(pid, signal.SIGINT)\n"
        "        assert pool.submit(os.getpid).result() == pid\n"
        "        assert not pool.submit(blocked).result()\n"
        "        assert not blocked()\n"
    )
    Path("program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """When the parent is killed, the workers of a pool of our own are gone within seconds."""
    children = killed_parent(tmp_path)
    assert len(children) >= 2
    until(lambda: not any(lives(pid) for pid in children))
