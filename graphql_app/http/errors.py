"""How an error becomes an HTTP response: the status for each error code, the body, the headers."""

from starlette.responses import JSONResponse

from graphql_app.errors import AppError, ErrorCode, RateLimitedError, UnauthenticatedError
from graphql_app.observability.request_context import count_errors

STATUS_CODES = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.INVALID: 400,
    ErrorCode.UNTRUSTED_DOCUMENT: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.TIMEOUT: 504,
}
OTHER_STATUS = 422  # a saved rule has problems, or one of its criteria failed

REQUEST_TIMEOUT = 408
METHOD_NOT_ALLOWED = 405
NOT_ACCEPTABLE = 406
# The server has not read the whole body, so the connection cannot be used again.
UNREAD_BODY = frozenset({NOT_ACCEPTABLE, REQUEST_TIMEOUT, 413, 415})

BEARER_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def error_response(
    error: AppError, status: int | None = None, allowed_methods: str = "GET, POST"
) -> JSONResponse:
    """Return the response to a request that was not executed, and count the error.

    The status is by default that of the error's code; ``allowed_methods`` goes with status 405.
    """
    count_errors([error.code])
    status = status or STATUS_CODES.get(error.code, OTHER_STATUS)
    extensions: dict[str, object] = {"code": error.code.value}
    headers = {}
    if isinstance(error, RateLimitedError):
        extensions["retryAfter"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, UnauthenticatedError):
        headers |= BEARER_CHALLENGE
    elif status in UNREAD_BODY:
        headers["Connection"] = "close"
    elif status == METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed_methods
    errors = [{"message": str(error), "extensions": extensions}]
    return JSONResponse({"errors": errors}, status, headers)
