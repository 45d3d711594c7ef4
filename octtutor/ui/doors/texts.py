"""Every text of the sign-in page, in English."""

SIGN_IN: dict[str, str] = {
    "title": "Sign in · OCT Tutor",
    "head": "Sign in",
    "why": "Importing scans, training and publishing are for educators. Practising needs no "
    "sign-in.",
    "name": "Name",
    "password": "Password",
    "button": "Sign in",
    "back": "Back to practise",
    "none": "There is no educator account yet. Add one on the server: octtutor educator add NAME",
}
