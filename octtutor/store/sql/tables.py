"""The tables, in SQLAlchemy's words. Migrations in `migrations/versions` make them."""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    true,
)

from octtutor.core.scheme import OCT2017
from octtutor.store.rules import require_aware

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC; naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time to UTC for the database."""
        return None if value is None else require_aware(value).astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware time (SQLite keeps no zone)."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(naming_convention=NAMING)


def _scheme() -> tuple[Column[str], Column[int]]:
    """Return the columns that say which list of diagnoses a row's keys belong to."""
    return (
        Column("scheme", Text, nullable=False, server_default=OCT2017.name),
        Column("scheme_version", Integer, nullable=False, server_default=str(OCT2017.version)),
    )


trainees = Table(
    "trainees",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("nickname", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

educators = Table(
    "educators",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("educator", String(64), ForeignKey("educators.name"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index("ix_sign_ins_educator", "educator"),
)

guesses = Table(
    "guesses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("who", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_guesses_at", "at"),
)

known_addresses = Table(
    "known_addresses",
    metadata,
    Column("who", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
)

decks = Table(
    "decks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
    Column("source", String(64), nullable=False, server_default=""),
    Column("citation", Text, nullable=False, server_default=""),
    Column("licence", Text, nullable=False, server_default=""),
    Column("offered", Boolean, nullable=False, server_default=true()),
    *_scheme(),
)

cases = Table(
    "cases",
    metadata,
    Column("deck", String(64), ForeignKey("decks.name"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("label", String(16), nullable=False),
    Column("patient", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("findings", Text, nullable=False),
    Column("mask_sha256", String(64)),
    Index("ix_cases_label", "deck", "label", "sha256"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("trainee_id", String(64), ForeignKey("trainees.id"), nullable=False),
    Column("quiz", String(64), nullable=False),
    Column("quiz_version", String(64), nullable=False),
    Column("deck", String(64), ForeignKey("decks.name"), nullable=False),
    Column("case_order", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("cases", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("model", Text),
    Column("model_sha256", String(64)),
    Column("options", Text, nullable=False, server_default="{}"),
    Column("size", Integer, nullable=False, server_default="0"),
    Column("session", String(16)),
    Column("retest_of", String(64)),
    *_scheme(),
    Index("ix_attempts_trainee_id", "trainee_id"),
    Index("ix_attempts_session", "session", "trainee_id", unique=True),
)

showings = Table(
    "showings",
    metadata,
    Column("attempt_id", String(64), ForeignKey("attempts.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("shown_at", UtcTime, nullable=False),
    Column("trainee_id", String(64), nullable=False, server_default=""),
    Column("sha256", String(64), nullable=False, server_default=""),
    Index("ix_showings_trainee_id", "trainee_id", "sha256"),
)

answers = Table(
    "answers",
    metadata,
    Column("attempt_id", String(64), ForeignKey("attempts.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("trainee_id", String(64), ForeignKey("trainees.id"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("truth", String(16), nullable=False),
    Column("choice", String(16), nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("response_ms", Integer, nullable=False),
    Column("answered_at", UtcTime, nullable=False),
    Column("deck", String(64), nullable=False),
    Column("quiz", String(64), nullable=False),
    Column("quiz_version", String(64), nullable=False),
    Column("mark_x", Integer),
    Column("mark_y", Integer),
    Column("timed_out", Boolean, nullable=False, server_default=false()),
    Column("changes", Integer, nullable=False, server_default="0"),
    *_scheme(),
    Index("ix_answers_trainee_id", "trainee_id"),
)

replaced_answers = Table(
    "replaced_answers",
    metadata,
    Column("attempt_id", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("choice", String(16), nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("response_ms", Integer, nullable=False),
    Column("answered_at", UtcTime, nullable=False),
    Column("mark_x", Integer),
    Column("mark_y", Integer),
    ForeignKeyConstraint(
        ["attempt_id", "position"],
        ["answers.attempt_id", "answers.position"],
        name="fk_replaced_answers_attempt_id_answers",
    ),
)

second_looks = Table(
    "second_looks",
    metadata,
    Column("attempt_id", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("choice", String(16), nullable=False),
    Column("response_ms", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("confidence", Integer, nullable=False, server_default="0"),
    ForeignKeyConstraint(
        ["attempt_id", "position"],
        ["answers.attempt_id", "answers.position"],
        name="fk_second_looks_attempt_id_answers",
    ),
)

sessions = Table(
    "sessions",
    metadata,
    Column("code", String(16), primary_key=True),
    Column("title", Text, nullable=False),
    Column("educator", String(64), nullable=False),
    Column("quiz", String(64), nullable=False),
    Column("quiz_version", String(64), nullable=False),
    Column("deck", String(64), ForeignKey("decks.name"), nullable=False),
    Column("cases", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("options", Text, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("model", Text),
    Column("model_sha256", String(64)),
    Column("paused_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("discussed", Integer),
    *_scheme(),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

discussions = Table(
    "discussions",
    metadata,
    Column("code", String(16), ForeignKey("sessions.code"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("attempt_id", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("model", Text, nullable=False),
    Column("model_sha256", String(64), nullable=False),
    Column("probabilities", Text, nullable=False, server_default="{}"),
    *_scheme(),
    ForeignKeyConstraint(
        ["attempt_id", "position"],
        ["answers.attempt_id", "answers.position"],
        name="fk_predictions_attempt_id_answers",
    ),
)

projects = Table(
    "projects",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("deck", String(64), ForeignKey("decks.name"), nullable=False),
    Column("readers", Integer, nullable=False),
    Column("controls", Float, nullable=False),
    Column("case_order", String(16), nullable=False),
    Column("random_share", Float, nullable=False),
    Column("suggest", Boolean, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    *_scheme(),
)

assignments = Table(
    "assignments",
    metadata,
    Column("project", String(64), ForeignKey("projects.name"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("is_control", Boolean, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("done_at", UtcTime),
    Column("skipped", Boolean, nullable=False),
)

annotations = Table(
    "annotations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("deck", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("project", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("source", String(32), nullable=False),
    Column("model", Text),
    Column("model_sha256", String(64)),
    Column("by", Text),
    Index("ix_annotations_project", "project", "sha256"),
    Index("ix_annotations_deck", "deck", "sha256"),
)
