"""The pages in a real browser: in by the link, live changes, a phone, the keyboard, nothing against the content policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.grader.classroom.test_serve import RIGHT, WRONG, Server

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    # Playwright's own threads and sockets end after the test that used them last.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
# A name that is not this machine's own, so that the browser does not trust plain http there.
ELSEWHERE = "--host-resolver-rules=MAP class.test 127.0.0.1"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(str(tmp_path_factory.mktemp("class") / "class.db"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", ELSEWHERE])
        yield browser
        browser.close()


@pytest.fixture
def said() -> list[str]:
    """What the browser complained of."""
    return []


def signed_in(browser: Browser, server: Server, token: str, said: list[str], **options: object) -> Page:
    """A page of a browser of its own, signed in by the link."""
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{server.told['address']}/enter#{token}")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    assert token not in page.url
    return page


def test_the_leaderboard_changes_while_one_looks(browser: Browser, server: Server, said: list[str]) -> None:
    grace, alan = server.join("Grace Hopper"), server.join("Alan Turing")
    page = signed_in(browser, server, grace, said)
    page.get_by_role("link", name="Leaderboard").click()
    row = page.get_by_role("row").filter(has_text="Alan")
    expect(row.get_by_role("cell").nth(2)).to_have_text("0")
    server.submit(alan, RIGHT)
    expect(row.get_by_role("cell").nth(2)).to_have_text("5", timeout=20_000)
    expect(page.get_by_role("row").nth(1)).to_contain_text("Alan")
    expect(page.get_by_text("(you)")).to_be_visible()
    assert said == []


def test_ones_own_page_tells_when_it_is_graded(browser: Browser, server: Server, said: list[str]) -> None:
    ada = server.join("Ada <b>Lovelace</b>")
    page = signed_in(browser, server, ada, said)
    expect(page.get_by_role("heading", name="Ada <b>Lovelace</b>")).to_be_visible()
    server.submit(ada, WRONG)
    expect(page.get_by_role("cell", name="failed")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="numbers/clamp").click()
    expect(page.get_by_text("min and max are exchanged").first).to_be_visible()
    expect(page.get_by_label("Source")).to_contain_text("return min(low, max(x, high))")
    assert said == []


def test_settings_by_keyboard_alone(browser: Browser, server: Server, said: list[str]) -> None:
    page = signed_in(browser, server, server.join("Barbara Liskov"), said)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.get_by_label("Nickname").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("substitute")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Show me on the leaderboard")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_text("substitute ·")).to_be_visible()
    expect(page.get_by_label("Show me on the leaderboard")).not_to_be_checked()
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(
    browser: Browser, server: Server, said: list[str], scheme: str, tmp_path: Path
) -> None:
    student = server.join("A name that is rather longer than most names are, and then some more of it")
    number = server.submit(student, WRONG + "# " + "x" * 300)["id"]
    server.wait(student)
    page = signed_in(browser, server, server.teacher, said, viewport=PHONE, color_scheme=scheme)
    me = server.ask("GET", "/api/me", student)[1]["id"]
    for path in (
        "/class",
        "/leaderboard",
        f"/students/{me}",
        f"/submissions/{number}",
        "/exercises/numbers/clamp",
        "/enter",
    ):
        page.goto(server.told["address"] + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=tmp_path / "page.png")
        assert width <= PHONE["width"], path
    assert said == []


def test_the_teachers_map_changes_while_one_looks(browser: Browser, server: Server, said: list[str]) -> None:
    page = signed_in(browser, server, server.teacher, said)
    expect(page.get_by_text(server.told["code"])).to_be_visible()
    name = "Katherine Johnson"
    server.submit(server.join(name), RIGHT)
    square = page.get_by_role("row").filter(has_text=name).locator("td.s4")
    expect(square).to_have_text("1", timeout=20_000)
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert said == []


def test_over_plain_http_from_another_machine(browser: Browser, server: Server) -> None:
    """There browsers send no Sec-Fetch-Site, and say where a form comes from by its origin alone."""
    page = browser.new_page()
    page.goto(f"http://class.test:{server.port}/enter#{server.join('Alan')}")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.get_by_label("Nickname").fill("bombe")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("bombe ·")).to_be_visible()


def test_signing_out_closes_the_door(browser: Browser, server: Server, said: list[str]) -> None:
    page = signed_in(browser, server, server.join("Edsger"), said)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(server.told["address"] + "/me")
    expect(page.get_by_role("heading", name="Nobody is known by this token.")).to_be_visible()
    page.goto(server.told["address"] + "/enter#gl_wrong")
    expect(page.get_by_role("alert")).to_contain_text("Nobody is known")
