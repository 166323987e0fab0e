"""A million of the same function, and all their results, without a million Task objects.

`python post_million.py 1000` for fewer.
"""

import asyncio
import sys

from corral import map_tg


async def my_function(val: int) -> int:
    return val * 2


async def run_a_bunch_of_tasks(n: int) -> list[int]:
    return await map_tg(my_function, range(1, n + 1), limit=1000)


async def main(n: int) -> None:
    results = await run_a_bunch_of_tasks(n)
    print(
        f"[{results[0]}, {results[1]}, {results[2]}, ..., {results[-2]}, {results[-1]}]"
    )  # [2, 4, 6, ..., 1999998, 2000000]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
