"""Every text of the plain routes, in English."""

ROUTES: dict[str, str] = {
    "bad_request": "Expected another value at {place} ({what}). Received {came!r}. Reload the "
    "page.",
    "no_picture": "There is no such picture (any more). Reload the page to go on.",
    "no_trainee": "Expected to be told who asks. Nobody was named. Reload the page.",
}
