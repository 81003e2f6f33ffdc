"""People of a class and their tokens, on a connection handed in. Begins and ends no transaction."""

from __future__ import annotations

import itertools
import unicodedata
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from grader.store.classbook.schema import invitation, person, token
from grader.store.classbook.values import Kind, Person, Role

_PERSON = (
    person.c.id,
    person.c.role,
    person.c.name,
    person.c.nickname,
    person.c.listed,
    person.c.joined_at,
    person.c.email,
)
# PostgreSQL's and SQLite's integers end there; whoever asks for more asks for nobody.
MAX_ID = 1 << 62


def folded(nickname: str) -> str:
    """What two nicknames share that look alike: case, width, accents as they are written, spaces."""
    return "".join(unicodedata.normalize("NFKC", nickname).casefold().split())


def add(connection: Connection, name: str, nickname: str, role: Role, listed: bool, at: str, email: str = "") -> Person:
    """A new person; a number is put behind a nickname that is taken."""
    for number in itertools.count(2):
        if not _taken(connection, nickname):
            break
        nickname = f"{nickname.rstrip('0123456789')}{number}"
    row: dict[str, Any] = {
        "role": role,
        "name": name,
        "email": email,
        "nickname": nickname,
        "nickname_key": folded(nickname),
        "listed": listed,
        "joined_at": at,
    }
    nothing = {"points": 0, "passed": 0, "firsts": 0, "streak": 0, "last_day": "", "last_pass_at": ""}
    key = connection.execute(insert(person).values(**row, **nothing)).inserted_primary_key
    assert key is not None
    return Person(key[0], role, name, nickname, listed, at, email)


def known(connection: Connection, name: str, email: str) -> Person | None:
    """The student of a roster's line: by the address, or, where it has none, by the name."""
    same = person.c.email == email if email else person.c.name == name
    row = connection.execute(select(*_PERSON).where(person.c.role == "student", same).limit(1)).first()
    return Person(*row) if row else None


def invite(connection: Connection, id: int, sha256: str, at: str) -> None:
    """Let whoever has the code with this hash join as somebody, once; their earlier codes are worthless."""
    drop_invitations(connection, id)
    connection.execute(insert(invitation).values(sha256=sha256, person=id, made_at=at))


def take_invitation(connection: Connection, sha256: str, at: str) -> Person | None:
    """Whom the code with this hash invites; it is worthless from now on."""
    id = connection.scalar(select(invitation.c.person).where(invitation.c.sha256 == sha256))
    if id is None or connection.execute(delete(invitation).where(invitation.c.sha256 == sha256)).rowcount != 1:
        return None
    connection.execute(update(person).where(person.c.id == id).values(joined_at=at))
    return by_id(connection, id)


def drop_invitations(connection: Connection, id: int) -> None:
    """Forget the invitation of somebody."""
    connection.execute(delete(invitation).where(invitation.c.person == id))


def invited(connection: Connection) -> set[int]:
    """Who has not used their invitation yet."""
    return set(connection.scalars(select(invitation.c.person)))


def by_id(connection: Connection, id: int) -> Person | None:
    """Somebody by their number."""
    if not 0 < id < MAX_ID:
        return None
    row = connection.execute(select(*_PERSON).where(person.c.id == id)).first()
    return Person(*row) if row else None


def with_role(connection: Connection, role: Role, limit: int | None, after: int) -> list[Person]:
    """Those with this role, in the order they joined."""
    query = select(*_PERSON).where(person.c.role == role).order_by(person.c.id).limit(limit).offset(after)
    return [Person(*row) for row in connection.execute(query)]


def count(connection: Connection, role: Role) -> int:
    """How many have this role."""
    return connection.scalar(select(func.count()).where(person.c.role == role)) or 0


def change(connection: Connection, id: int, nickname: str | None, listed: bool | None) -> Person | None:
    """Change what others see of somebody. ValueError where another has the nickname."""
    found = by_id(connection, id)
    if found is None:
        return None
    values: dict[str, Any] = {}
    if nickname is not None and nickname != found.nickname:
        if folded(nickname) != folded(found.nickname) and _taken(connection, nickname):
            raise ValueError(nickname)
        values |= {"nickname": nickname, "nickname_key": folded(nickname)}
    if listed is not None:
        values["listed"] = listed
    if values:
        connection.execute(update(person).where(person.c.id == id).values(**values))
    return by_id(connection, id)


def add_token(connection: Connection, id: int, kind: Kind, sha256: str, at: str, ends_at: str) -> None:
    """Keep the hash of a token, and forget those that have ended."""
    connection.execute(delete(token).where(token.c.ends_at < at))
    connection.execute(insert(token).values(sha256=sha256, person=id, kind=kind, made_at=at, ends_at=ends_at))


def by_token(connection: Connection, sha256: str, at: str) -> Person | None:
    """Whose token has this hash, where it has not ended."""
    row = connection.execute(
        select(*_PERSON)
        .join(token, token.c.person == person.c.id)
        .where(token.c.sha256 == sha256, token.c.ends_at > at)
    ).first()
    return Person(*row) if row else None


def drop_token(connection: Connection, sha256: str) -> None:
    """Forget one token."""
    connection.execute(delete(token).where(token.c.sha256 == sha256))


def drop_tokens(connection: Connection, id: int) -> None:
    """Forget all tokens of somebody."""
    connection.execute(delete(token).where(token.c.person == id))


def _taken(connection: Connection, nickname: str) -> bool:
    return connection.scalar(select(person.c.id).where(person.c.nickname_key == folded(nickname))) is not None
