"""What the surroundings say, and what they cannot say."""

import pytest

from octtutor.errors import SettingsError
from octtutor.settings import Settings


def test_no_proxy_is_trusted_and_no_site_frames_the_page_unless_it_is_named():
    settings = Settings.from_env({})
    assert (settings.trusted_proxies, settings.frame_ancestors) == ("", "'self'")
    told = {
        "OCTTUTOR_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
        "OCTTUTOR_FRAME_ANCESTORS": "https://teaching.example http://localhost:8000",
    }
    settings = Settings.from_env(told)
    assert settings.trusted_proxies == "127.0.0.1, 10.0.0.0/8"
    wanted = "'self' https://teaching.example http://localhost:8000"
    assert settings.frame_ancestors == wanted


@pytest.mark.parametrize(
    ("name", "value", "received"),
    [
        ("OCTTUTOR_TRUSTED_PROXIES", "127.0.0.1,proxy", "'proxy'"),
        ("OCTTUTOR_FRAME_ANCESTORS", "https://a.example; script-src *", "'https://a.example;'"),
        ("OCTTUTOR_FRAME_ANCESTORS", "a.example", "'a.example'"),
    ],
)
def test_a_value_that_means_nothing_is_told(name: str, value: str, received: str):
    with pytest.raises(SettingsError, match=name) as told:
        Settings.from_env({name: value})
    assert received in str(told.value)
