"""The refresh token of a browser: a cookie that no script reads and no other site sends."""

from fastapi import Request, Response

from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Tokens

_NAME = "holdfast_refresh"


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


def _name(settings: IdentitySettings) -> str:
    """Over plain http, in development, browsers refuse the prefix."""
    return f"__Host-{_NAME}" if settings.are_cookies_secure else _NAME
