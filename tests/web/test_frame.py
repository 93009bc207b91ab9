"""What every page has: its language, its headers, its files, and a page for what goes wrong."""

import re

import httpx2
import pytest

PAGES = ["/", "/sign-in", "/register", "/forgot-password", "/reset-password", "/verify-email", "/styleguide"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_lets_nothing_in_from_elsewhere(browser: httpx2.AsyncClient, path: str) -> None:
    page = await browser.get(path)

    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert re.findall(r'(?:src|href)="(?!/|#)[^"]*"', page.text) == []
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.text) == []


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_one_heading_a_title_and_landmarks(browser: httpx2.AsyncClient, path: str) -> None:
    page = await browser.get(path)

    assert page.text.count("<h1") == 1
    assert re.search(r"<title>[^<]{4,} · Holdfast</title>", page.text)
    assert page.text.count("<main") == 1
    assert 'class="skip" href="#main"' in page.text


@pytest.mark.parametrize("path", PAGES)
async def test_an_arabic_page_is_written_from_right_to_left(browser: httpx2.AsyncClient, path: str) -> None:
    page = await browser.get(path, headers={"Accept-Language": "ar-EG,ar;q=0.9,en;q=0.1"})

    assert '<html lang="ar" dir="rtl"' in page.text
    assert page.headers["content-language"] == "ar"
    assert "Skip to the content" not in page.text


async def test_a_chosen_language_outlives_what_the_browser_asks_for(browser: httpx2.AsyncClient) -> None:
    chosen = await browser.get("/language/ar", params={"next": "/sign-in"})
    page = await browser.get("/sign-in")

    assert chosen.headers["location"] == "/sign-in"
    assert 'lang="ar"' in page.text


async def test_a_language_nobody_speaks_here_is_no_page(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/language/tlh")).status_code == 422


async def test_files_are_kept_for_good_by_what_is_in_them(browser: httpx2.AsyncClient) -> None:
    page = await browser.get("/")
    (style,) = re.findall(r'href="(/static/\w+/page\.css)"', page.text)

    file = await browser.get(style)
    of_before = await browser.get("/static/0000/page.css")
    missing = await browser.get("/static/0000/../frame.py")

    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["content-type"] == "text/css; charset=utf-8"
    assert file.headers["content-encoding"] == "gzip"
    assert of_before.headers["cache-control"] == "no-cache"
    assert missing.status_code == 404


async def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(browser: httpx2.AsyncClient) -> None:
    for_people = await browser.get("/nowhere")
    for_programs = await browser.get("/nowhere", headers={"Accept": "application/json"})
    of_the_api = await browser.get("/api/v1/nowhere")

    assert for_people.status_code == 404
    assert "<h1>There is nothing here</h1>" in for_people.text
    assert for_programs.json()["code"] == "not_found"
    assert of_the_api.json()["code"] == "not_found"


async def test_a_form_that_is_no_form_is_refused_in_words(browser: httpx2.AsyncClient) -> None:
    as_json = await browser.post("/sign-in", json={"email": "a"})
    not_text = await browser.post(
        "/sign-in", content=b"email=%ff%fe", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    with_nul = await browser.post(
        "/sign-in", content=b"email=a%00b", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    too_large = await browser.post(
        "/sign-in", content=b"a" * 200_000, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert [each.status_code for each in (as_json, not_text, with_nul, too_large)] == [400, 400, 400, 413]
    assert all("<h1>" in each.text for each in (as_json, not_text, with_nul, too_large))
