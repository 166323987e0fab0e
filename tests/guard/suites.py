"""Suites of tests that leak, for the tests of the plugin."""

from __future__ import annotations

LEAKS = """
import asyncio

def leak():
    asyncio.create_task(asyncio.sleep(3600))

async def drop():
    asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
"""
LEAKY = LEAKS + "\nasync def test_leaky(): await drop()\nasync def test_clean(): await asyncio.sleep(0)\n"
ON = "[pytest]\ncorral_guard=true\nasyncio_mode=auto\nasyncio_default_fixture_loop_scope=function\n"
