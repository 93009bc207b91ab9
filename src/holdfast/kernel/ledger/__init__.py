"""Where the money stands: append-only books that balance by construction."""

from holdfast.kernel.ledger.actions import post
from holdfast.kernel.ledger.checks import CHECKS
from holdfast.kernel.ledger.queries import balances, movements, posted
from holdfast.kernel.ledger.values import Account, Balance, Movement, Transfer

__all__ = ["CHECKS", "Account", "Balance", "Movement", "Transfer", "balances", "movements", "post", "posted"]
