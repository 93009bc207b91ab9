"""Hash and check passwords: bcrypt in a thread, with the same work for accounts that don't exist."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.bcrypt import BcryptHasher

from holdfast.kernel.identity.rules import PASSWORD_BYTES_MAX

#: A pool of its own, so that a crowd at the sign-in never starves what else needs a thread.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="bcrypt")


async def hashed(password: str, *, cost: int) -> str:
    """The bcrypt hash; `cost` is the logarithm of the work."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher(cost).hash, password)


async def is_right(password: str, stored: str | None, *, cost: int) -> bool:
    """Whether the password belongs to the hash. Without one, a stranger's hash is checked: it takes as long."""
    too_long = len(password.encode()) > PASSWORD_BYTES_MAX  # bcrypt would raise; the work is done all the same
    against = stored if stored is not None and not too_long else _decoy(cost)
    offered = "" if too_long else password
    is_match = await asyncio.get_running_loop().run_in_executor(_threads, _checked, offered, against, cost)
    return is_match and stored is not None and not too_long


def needs_rehash(stored: str, *, cost: int) -> bool:
    """Made with another cost than is asked for now."""
    return _hasher(cost).check_needs_rehash(stored)


def _checked(password: str, against: str, cost: int) -> bool:
    try:
        return _hasher(cost).verify(password, against)
    except (PwdlibError, ValueError):  # not a bcrypt hash: nobody signs in with it
        return False


@lru_cache(maxsize=4)
def _hasher(cost: int) -> BcryptHasher:
    return BcryptHasher(rounds=cost)


@lru_cache(maxsize=4)
def _decoy(cost: int) -> str:
    return _hasher(cost).hash("nobody's password")
