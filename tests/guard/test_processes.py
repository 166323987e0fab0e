"""Whole programs under the guard: what they import later, how the interpreter ends, and what a fork answers for."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def program(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of its own."""
    code = "import asyncio\nfrom corral.guard import guard, install, run\n" + textwrap.dedent(source)
    return subprocess.run(
        [sys.executable, *arguments, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_end_of_the_interpreter_is_quiet() -> None:
    """Tasks that are pending when the program ends are told once, by name, and nothing of ours is in a traceback."""
    done = program(
        """
        install()
        loop = asyncio.new_event_loop()
        async def main():
            global kept
            kept = asyncio.create_task(asyncio.sleep(3600), name="left")
            await asyncio.sleep(0)
        loop.run_until_complete(main())
        """
    )
    assert done.returncode == 0
    assert done.stderr.count("LeakWarning: TG001 lost-task: task 'left'") == 1
    assert "Traceback" not in done.stderr


def test_end_of_the_interpreter_with_a_loop_in_a_daemon_thread() -> None:
    """A daemon thread whose loop runs on until the end does not make the end noisy."""
    done = program(
        """
        import threading
        install()
        started = threading.Event()
        async def main():
            asyncio.create_task(asyncio.sleep(3600), name="left")
            started.set()
            await asyncio.sleep(3600)
        threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
        started.wait()
        """
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert done.stderr.count("task 'left'") == 1


def test_raise_at_the_end_of_the_interpreter_is_written() -> None:
    """What cannot be raised any more is written, with all its lines."""
    done = program(
        """
        install(policy="raise")
        loop = asyncio.new_event_loop()
        async def main():
            global kept
            kept = asyncio.create_task(asyncio.sleep(3600), name="left")
        loop.run_until_complete(main())
        """
    )
    assert "TG001 lost-task: task 'left'" in done.stderr
    assert "made at:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["install", "guard"])
def test_child_of_a_fork_answers_for_itself(how: str) -> None:
    """In the child nothing of the parent's is told or run; loops that it starts itself are guarded if the program is."""
    done = program(
        f"""
        import os, sys
        on = install() if "{how}" == "install" else None
        async def leak(name):
            asyncio.create_task(asyncio.sleep(3600), name=name)
            await asyncio.sleep(0)
        async def main():
            async with guard():
                kept = asyncio.create_task(asyncio.sleep(3600), name="parent")
                await asyncio.sleep(0)
                if not os.fork():
                    asyncio.events._set_running_loop(None)
                    asyncio.run(leak("child"))
                    sys.stderr.flush()
                    os._exit(0)
                os.wait()
            kept.cancel()
        asyncio.run(main())
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("lost-task: task 'parent'") == 1
    assert done.stderr.count("lost-task: task 'child'") == (1 if how == "install" else 0)
    assert "Traceback" not in done.stderr


def test_loops_of_a_module_that_is_imported_later_are_guarded() -> None:
    """Whoever brings a loop class along need not be there when the guard is installed."""
    done = program(
        """
        install()
        import uvloop
        async def main():
            asyncio.create_task(asyncio.sleep(9))
            await asyncio.sleep(0)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
        """
    )
    assert done.stderr.count("LeakWarning: TG001") == 1, done.stderr


def test_child_of_multiprocessing_goes_its_way() -> None:
    """A process started by a guarded program, by fork, runs its own loop and ends as ever."""
    done = program(
        """
        import multiprocessing
        async def work(): return 7
        def child(queue): queue.put(asyncio.run(work()))
        async def main():
            context = multiprocessing.get_context("fork")
            queue = context.SimpleQueue()
            process = context.Process(target=child, args=(queue,))
            await asyncio.to_thread(process.start)
            print(await asyncio.to_thread(queue.get))
            await asyncio.to_thread(process.join)
        if __name__ == "__main__":
            install()
            asyncio.run(main())
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_child_of_a_fork_may_leave_the_block(kind: str) -> None:
    """A fork inside a block goes on behind it: what it finds at the block's end is the parent's to tell, and what it does next its own."""
    done = program(
        f"""
        import os
        async def fails():
            raise ValueError
        async def own():
            try:
                await asyncio.gather(fails(), asyncio.sleep(3600))
            except ValueError:
                for _ in range(9):
                    await asyncio.sleep(0)
        async def main():
            {kind} guard():
                asyncio.create_task(asyncio.sleep(3600), name="parent")
                await asyncio.sleep(0)
                pid = os.fork()
            if not pid:
                asyncio.events._set_running_loop(None)
                found = []
                run(own(), policy=found.append)
                os._exit(7 if [report.kind for report in found] == ["orphaned"] else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        asyncio.run(main())
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("lost-task: task 'parent'") == 1
