"""What a job does: `take` the next turn of a request, by the handler of its verb, or `give_up` after the last try."""

from handlers.turns.dispatch import HANDLERS, give_up, take

__all__ = ["HANDLERS", "give_up", "take"]
