"""Lives that work orders tell: how a file is labelled by them to learn from, and where they begin for a prediction."""

from __future__ import annotations

from collections.abc import Sequence

from trivium.maintenance.model_folder import CUT, Model
from trivium.maintenance.parse.ordered import with_orders
from trivium.maintenance.records import Fleet
from trivium.maintenance.work_orders import WorkOrder
from trivium.service.errors import InputError

__all__ = ["begun_anew", "labelled_by_orders"]


def begun_anew(fleet: Fleet, model: Model, orders: Sequence[WorkOrder]) -> tuple[Fleet, list[str]]:
    """Return a fleet whose lives begin at work orders, where the model learned so; and what is left out, in words."""
    if not model.description.data.get(CUT):
        return fleet, ["this model did not learn with work orders; they change nothing"] if orders else []
    if not orders:
        what = "the model learned with work orders; without --orders rows after a repair count as of the life before"
        return fleet, [what] if model.life is not None else []
    labelled, count = with_orders(fleet, orders)
    return labelled, [] if count else ["no work order is of an asset of this file while it has readings"]


def labelled_by_orders(fleet: Fleet, orders: Sequence[WorkOrder], name: str, *, is_labelled: bool) -> Fleet:
    """Return a fleet whose failures are those of work orders.

    Args:
        name: of the file of orders, for messages.
        is_labelled: whether failures count in what is learned.

    Raises:
        InputError: if orders are not for such a file, or none concerns it.
    """
    if fleet.layout != "csv" or not is_labelled:
        raise InputError("work orders are for a CSV whose failures count", where="--orders", hint="leave them out")
    labelled, count = with_orders(fleet, orders)
    if not count:
        names = ", ".join(sorted({one.asset for one in orders})[:6])
        what = f"no order is of an asset of {fleet.name} while it has readings; orders name {names}"
        raise InputError(what, where=name, hint="see --column asset=NAME")
    return labelled
