"""What commands print, and how they end."""

import json


class Said:
    """What a command printed and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


def fault(said: Said) -> str:
    """The one line of a failed command."""
    lines = [line for line in said.err.replace("\r", "\n").splitlines() if "Error: " in line]
    assert said.code == 1
    assert len(lines) == 1, said.err
    assert "Traceback" not in said.err
    return lines[0]
