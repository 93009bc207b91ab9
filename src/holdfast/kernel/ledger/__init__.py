"""Where the money stands: append-only books that balance by construction."""

from holdfast.kernel.ledger import bulk
from holdfast.kernel.ledger.actions import post
from holdfast.kernel.ledger.checks import CHECKS
from holdfast.kernel.ledger.queries import balances, flows, movements, posted, statements, total_of
from holdfast.kernel.ledger.values import Account, Balance, Flow, Movement, Statement, Transfer

__all__ = [
    "CHECKS",
    "Account",
    "Balance",
    "Flow",
    "Movement",
    "Statement",
    "Transfer",
    "balances",
    "bulk",
    "flows",
    "movements",
    "post",
    "posted",
    "statements",
    "total_of",
]
