"""Show every change of an inventory to whoever watches it, in order, at once; and each lapse at its moment."""

from holdfast.kernel.realtime.actions import begin_epoch
from holdfast.kernel.realtime.hub import Hub
from holdfast.kernel.realtime.lookout import Kept, Lookout
from holdfast.kernel.realtime.reads import answer_as_it_is, lookout_of
from holdfast.kernel.realtime.sockets import attend, watching
from holdfast.kernel.realtime.values import FRAME_BYTES_MAX, FRAMES, Channel, Position, RealtimeSettings
from holdfast.kernel.realtime.views import View

__all__ = [
    "FRAMES",
    "FRAME_BYTES_MAX",
    "Channel",
    "Hub",
    "Kept",
    "Lookout",
    "Position",
    "RealtimeSettings",
    "View",
    "answer_as_it_is",
    "attend",
    "begin_epoch",
    "lookout_of",
    "watching",
]
