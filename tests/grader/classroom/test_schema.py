"""Schemathesis: whatever a client sends, the server answers as its OpenAPI document says, and never with its own fault."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case

from tests.grader.classroom.conftest import CLAMP, Klass

EXAMPLES = 40
OPERATIONS = 9


def test_the_server_keeps_its_word(klass: Klass) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", klass.client.app)
    # Every example would otherwise soon be told to slow down.
    for bucket in vars(klass.client.app.state.limits).values():  # type: ignore[attr-defined]
        bucket._burst = 10**9
    teacher = klass.book.people("teacher")[0]
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= OPERATIONS
    here = {"exercise": CLAMP, "code": klass.room.code}
    seen: set[int] = set()
    for operation in operations:

        @given(case=operation.as_strategy(), known=st.booleans())
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def whatever_comes(case: Case, known: bool) -> None:
            if known and isinstance(case.body, dict):
                # What chance would never hit upon.
                case.body |= {name: value for name, value in here.items() if name in case.body}
            # Some of them give their token back.
            token = klass.room.token(teacher, "device")
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            seen.add(response.status_code)
            assert response.status_code < 500, response.text
            case.validate_response(response, checks=[schemathesis.checks.CHECKS.get_one("response_schema_conformance")])

        whatever_comes()
    assert seen >= {200, 201, 202, 204, 403, 404, 422}
    assert klass.ask("GET", "/api/me", klass.teacher_token).status_code == 200
