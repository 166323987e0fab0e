"""A handful of coroutines, awaited together: what `create_task` three times and `gather` was written for.

If one of them failed, the other two would be cancelled and awaited before the error reached `main`.
"""

import asyncio

from corral import gather_tg


async def my_function(val: int) -> int:
    return val * 2


async def main() -> None:
    results = await gather_tg(my_function(1), my_function(2), my_function(3))
    print(results)  # [2, 4, 6]


if __name__ == "__main__":
    asyncio.run(main())
