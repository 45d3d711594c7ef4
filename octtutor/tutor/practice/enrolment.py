"""Who a trainee is: an id that nobody can guess, and a nickname."""

import uuid

from octtutor.core.quiz import Trainee
from octtutor.errors import BadInputError
from octtutor.store.contract import Store
from octtutor.tutor.ports import Clock

MAX_NICKNAME = 40


def enrol(store: Store, clock: Clock, trainee_id: str | None, nickname: str) -> Trainee:
    """Return the trainee of an id, made if it is new or unknown, with this nickname.

    A page draws its id when it is first opened, so that two tabs are one trainee; it is used
    when it is a random UUID, which nobody can guess. Any other that is not known is not.

    Raises:
        BadInputError: the nickname is too long.
    """
    name = "".join(filter(str.isprintable, " ".join(nickname.split())))
    if len(name) > MAX_NICKNAME:
        raise BadInputError(
            f"Expected a nickname of at most {MAX_NICKNAME} characters. Received "
            f"{len(name):,}. Choose a shorter one."
        )
    known = store.find_trainee(trainee_id) if trainee_id else None
    who = trainee_id if trainee_id and (known or _is_random(trainee_id)) else draw_id()
    trainee = Trainee(who, name, known.created_at if known else clock())
    if known is None or known.nickname != name:
        store.add_trainee(trainee)
    return trainee


def draw_id() -> str:
    """Return an id for a new trainee."""
    return str(uuid.uuid4())


def _is_random(trainee_id: str) -> bool:
    try:
        found = uuid.UUID(trainee_id)
    except ValueError:
        return False
    return found.version == 4 and str(found) == trainee_id
