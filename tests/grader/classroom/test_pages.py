"""The pages: what they show, to whom, and that nothing a student wrote is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from grader.classroom.access import COOKIE
from tests.grader.classroom.conftest import CLAMP, Klass

SAME = {"Sec-Fetch-Site": "same-origin"}
EVIL = "<script>alert(1)</script>"


def browser(klass: Klass, token: str) -> TestClient:
    """A browser that is signed in."""
    client = TestClient(klass.client.app, base_url="http://class.test")
    answer = client.post("/session", data={"token": token}, headers=SAME, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return client


class Tags(HTMLParser):
    """What a browser would see: tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_way_in_and_out(klass: Klass) -> None:
    token = klass.join()["token"]
    client = browser(klass, token)
    assert token not in client.cookies.get(COOKIE, "")
    assert "Ada Lovelace" in client.get("/me").text
    assert client.get("/", follow_redirects=False).headers["location"] == "/me"
    before = client.cookies[COOKIE]
    assert client.post("/sign-out", headers=SAME, follow_redirects=False).status_code == 303
    client.cookies.set(COOKIE, before)
    assert client.get("/me").status_code == 401
    assert klass.ask("GET", "/api/me", token).status_code == 200


def test_the_cookie_is_for_this_site_alone_and_no_script(klass: Klass) -> None:
    token = klass.join()["token"]
    for scheme, secure in (("http", False), ("https", True)):
        client = TestClient(klass.client.app, base_url=f"{scheme}://class.test")
        cookie = client.post("/session", data={"token": token}, headers=SAME, follow_redirects=False).headers[
            "set-cookie"
        ]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert ("Secure" in cookie) is secure


def test_a_wrong_token_is_told(klass: Klass) -> None:
    answer = klass.client.post("/session", data={"token": "gl_wrong"}, headers=SAME)
    assert answer.status_code == 403
    assert "Nobody is known" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
    ],
)
def test_other_sites_cannot_act_for_who_is_signed_in(klass: Klass, headers: dict[str, str]) -> None:
    client = browser(klass, klass.join()["token"])
    for method, path, more in (
        ("POST", "/me", {"data": {"nickname": "taken over"}}),
        ("POST", "/sign-out", {}),
        ("POST", "/api/submissions", {"json": {"exercise": CLAMP, "source": "right"}}),
        ("PATCH", "/api/me", {"json": {"listed": True}}),
        ("DELETE", "/api/token", {}),
    ):
        assert client.request(method, path, headers=headers, **more).status_code == 403, (method, path)
    assert klass.book.people("student")[0].nickname == "Ada"


def test_nobody_sees_anything_without_signing_in(klass: Klass) -> None:
    """Every path there is, so that a new one is asked too."""
    klass.join()
    paths = {getattr(route, "path", ""): getattr(route, "methods", None) or {"GET"} for route in _routes(klass)}
    assert len(paths) > 15
    open_to_all = {"/", "/enter", "/session", "/api/join", "/openapi.json", "/static"}
    for path, methods in paths.items():
        if path in open_to_all:
            continue
        where = path.replace("{id}", "1").replace("{topic}", "numbers").replace("{name}", "clamp")
        for method in methods:
            assert klass.client.request(method, where).status_code == 401, (method, path)


def test_students_see_no_page_of_teachers(klass: Klass) -> None:
    client = browser(klass, klass.join()["token"])
    for path in ("/class", "/class/map", "/students/2", "/students/999", "/exercises/numbers/clamp", "/exercises/x/y"):
        assert client.get(path).status_code == 403, path
    grace = browser(klass, klass.join("Grace")["token"])
    klass.submit(klass.join("Alan")["token"], "right")
    klass.done()
    assert grace.get("/submissions/1").status_code == 404


def test_teachers_see_where_the_class_is_stuck(klass: Klass) -> None:
    for number, source in enumerate(("right", "wrong", "wrong too")):
        klass.submit(klass.join(f"Student {number}")["token"], source)
    klass.done()
    client = browser(klass, klass.teacher_token)
    page = client.get("/class").text
    assert klass.room.code in page
    assert "2 of 3" in page
    assert "The bounds are &lt;b&gt;exchanged&lt;/b&gt;." in page
    assert page.count('class="square s4"') == 1
    assert page.count('class="square s2"') == 2
    assert "Student 1" in client.get("/students/3").text
    assert "2" in client.get("/exercises/numbers/clamp").text
    assert client.get("/exercises/numbers/none").status_code == 404
    assert client.get("/students/1").status_code == 404


def test_nothing_a_student_wrote_is_markup(klass: Klass) -> None:
    ada = klass.join(f"{EVIL} Ada", nickname="<img src=x onerror=alert(1)>"[:24], listed=True)["token"]
    number = klass.submit(ada, f"wrong {EVIL} \x1b[31m \u202e </pre>").json()["id"]
    klass.done()
    client = browser(klass, klass.teacher_token)
    for path in ("/class", "/leaderboard", "/students/2", f"/submissions/{number}", "/exercises/numbers/clamp"):
        text = client.get(path).text
        tags = Tags(text).found
        assert {attrs.get("src") for tag, attrs in tags if tag == "script"} == {
            "/static/htmx.min.js",
            "/static/htmx-sse.min.js",
        }
        assert not [tag for tag, _ in tags if tag in ("img", "b", "iframe") and path != "/class"] or path in (
            "/students/2", "/exercises/numbers/clamp",
        )  # fmt: skip
        assert not [attrs for _, attrs in tags if any(name.startswith("on") for name in attrs)]
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "&lt;script&gt;" in client.get(f"/submissions/{number}").text


def test_every_answer_says_what_a_browser_may_do(klass: Klass) -> None:
    for path in ("/", "/enter", "/me", "/api/me", "/none", "/static/class.css", "/static/htmx.min.js", "/openapi.json"):
        headers = klass.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert klass.client.get("/enter").headers["cache-control"] == "no-store"


def test_no_page_has_style_or_script_of_its_own(klass: Klass) -> None:
    """The content policy would refuse it."""
    client = browser(klass, klass.teacher_token)
    for path in ("/class", "/leaderboard", "/enter"):
        text = client.get(path).text
        assert not re.search(r"<style|\sstyle=|<script>|<script [^>]*>[^<]", text), path


def test_paths_out_of_the_static_folder_lead_nowhere(klass: Klass) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..%5capp.py"):
        assert klass.client.get(path).status_code in (401, 404), path


def test_the_leaderboard_goes_on_over_pages(klass: Klass) -> None:
    from grader.classroom import pages

    for number in range(pages.LINES + 5):
        klass.book.join("x", f"n{number}", listed=True)
    ada = klass.join(listed=True)
    client = browser(klass, ada["token"])
    first, second = client.get("/leaderboard").text, client.get(f"/leaderboard?after={pages.LINES}").text
    assert first.count("<tr") == pages.LINES + 2  # the head, and one's own line below
    assert "Those after" in first
    assert second.count("<tr") == 7
    assert "(you)" in first
    assert "(you)" in second


def test_settings_are_changed(klass: Klass) -> None:
    klass.join("Grace")
    client = browser(klass, klass.join()["token"])
    assert client.post("/me", data={"nickname": "countess", "listed": "yes"}, headers=SAME).status_code == 200
    assert (klass.book.people("student")[1].nickname, klass.book.people("student")[1].listed) == ("countess", True)
    assert "has this nickname" in client.post("/me", data={"nickname": "grace"}, headers=SAME).text
    assert "a letter or a digit" in client.post("/me", data={"nickname": "..."}, headers=SAME).text


def _routes(klass: Klass) -> list[object]:
    found: list[object] = []
    for route in klass.client.app.routes:  # type: ignore[attr-defined]
        router = getattr(route, "original_router", None)
        found += [route] if router is None else router.routes
    return found
