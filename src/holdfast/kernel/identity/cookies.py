"""What a browser keeps of a login: cookies that no script reads.

The refresh token is for scripts that call the API; no other site makes the browser send it. Pages know a login by an
opaque token of its own, which follows links from elsewhere (Lax); their writes look where the request came from.
"""

from fastapi import Request, Response
from starlette.requests import HTTPConnection

from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Tokens

_NAME = "holdfast_refresh"
_PAGE_NAME = "holdfast_login"


def put(response: Response, settings: IdentitySettings, tokens: Tokens) -> None:
    """Hand out the refresh token."""
    response.set_cookie(
        _name(settings),
        tokens.refresh_token,
        expires=tokens.refresh_expires_at,
        path="/",  # what the prefix __Host- demands of a browser
        secure=settings.are_cookies_secure,
        httponly=True,
        samesite="strict",
    )


def read(request: Request, settings: IdentitySettings) -> str | None:
    """The refresh token, where the browser sent one."""
    return request.cookies.get(_name(settings)) or None


def drop(response: Response, settings: IdentitySettings) -> None:
    response.delete_cookie(
        _name(settings), path="/", secure=settings.are_cookies_secure, httponly=True, samesite="strict"
    )


def put_page(response: Response, settings: IdentitySettings, tokens: Tokens) -> None:
    """Let the browser's pages know this login, which was started with `is_page`."""
    assert tokens.page_token is not None, "this login was not started for pages"
    response.set_cookie(
        _name(settings, _PAGE_NAME),
        tokens.page_token,
        expires=tokens.login_expires_at,
        path="/",
        secure=settings.are_cookies_secure,
        httponly=True,
        samesite="lax",
    )


def read_page(request: HTTPConnection, settings: IdentitySettings) -> str | None:
    """The token of the login that the browser's pages know."""
    return request.cookies.get(_name(settings, _PAGE_NAME)) or None


def drop_page(response: Response, settings: IdentitySettings) -> None:
    response.delete_cookie(
        _name(settings, _PAGE_NAME), path="/", secure=settings.are_cookies_secure, httponly=True, samesite="lax"
    )


def _name(settings: IdentitySettings, name: str = _NAME) -> str:
    """Over plain http, in development, browsers refuse the prefix."""
    return f"__Host-{name}" if settings.are_cookies_secure else name
