"""Rows of a CSV into a database, through an async driver: read once, written once each, whatever happens in between.

corral run examples/rows_to_sqlite.py:insert orders.csv --resource examples/rows_to_sqlite.py:database --limit 50 --out done.jsonl

A record says that its row is committed. A kill between the commit and the record runs that row again, and so `insert` is
written so that a second time changes nothing: `ON CONFLICT` on the key. The same shape serves PostgreSQL, with a pool of
asyncpg as the resource. Without arguments, this program makes a CSV with two bad rows and loads it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypedDict

import aiosqlite

from corral.job import arun_job

DATABASE = "DATABASE"  # the environment variable that says which file


class Order(TypedDict):
    number: str
    customer: str
    cents: str


@asynccontextmanager
async def database() -> AsyncGenerator[aiosqlite.Connection]:
    """One connection for all calls; what they write is committed row by row."""
    async with aiosqlite.connect(os.environ[DATABASE], isolation_level=None) as connection:
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL)"
        )
        yield connection


async def insert(row: Order, connection: aiosqlite.Connection) -> int:
    """One row. What cannot be converted is the failure of that row, with its line of the CSV in the record."""
    number, cents = int(row["number"]), int(row["cents"])
    if not row["customer"]:
        raise ValueError("an order without a customer")
    await connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (number) DO NOTHING", (number, row["customer"], cents)
    )
    return number


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [f"{number},customer {number % 9},{number * 5}" for number in range(1000)]
        rows[17], rows[500] = "17,,85", "500,customer 5,free"
        (folder / "orders.csv").write_text("\n".join(["number,customer,cents", *rows]) + "\n")
        os.environ[DATABASE] = str(folder / "shop.db")
        summary = await arun_job(insert, folder / "orders.csv", limit=50, resource=database, out=folder / "done.jsonl")
        async with aiosqlite.connect(folder / "shop.db") as connection:
            found = [*await connection.execute_fetchall("SELECT count(*), sum(cents) FROM orders")]
    print(f"{summary.ok} rows, {summary.failed} failed; in the database: {tuple(found[0])}")
    # 998 rows, 2 failed; in the database: (998, 2494915)


if __name__ == "__main__":
    asyncio.run(main())
