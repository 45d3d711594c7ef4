"""The client's tools come from npm's own registry, at versions that are written down."""

import json

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("folder", [".", "octtutor/ui/client/vendor"])
def test_a_lock_names_no_registry_and_a_hash_for_every_package(folder: str):
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    packages = [one for name, one in lock["packages"].items() if name]
    assert packages
    assert all("integrity" in one and "resolved" not in one for one in packages)


def test_versions_are_exact():
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values())
