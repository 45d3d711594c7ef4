"""Accounts: who gets in, who does not, and for how long."""

import pytest
from argon2 import PasswordHasher

from octtutor.core.educator import AT_THE_MACHINE
from octtutor.errors import BadInputError, NotAllowedError, StaleError, TooManyGuessesError
from octtutor.store.sql import SqlStore
from octtutor.store.sql.engines import open_engine, sqlite_url
from octtutor.store.sql.migrate import upgrade
from octtutor.testing import MemoryStore
from octtutor.tutor import accounts
from octtutor.tutor.accounts import Educators, network

PASSWORD = "correct horse battery"
HOME = "192.0.2.7"


@pytest.fixture
def educators(store, clock) -> Educators:
    return Educators(store, clock)


def test_an_educator_signs_in_and_is_known_by_the_token(educators: Educators):
    added = educators.add("Ada", PASSWORD)
    token = educators.sign_in(" ADA ", PASSWORD, HOME)
    assert educators.whoami(token) == added
    assert added.name == "ada"
    assert educators.all() == (added,)
    assert educators.whoami(token + "x") is None
    assert educators.whoami(None) is None
    assert educators.whoami("") is None


def test_neither_password_nor_token_is_in_the_records(clock, tmp_path):
    engine = open_engine(sqlite_url(tmp_path / "records.db"))
    upgrade(engine)
    store = SqlStore(engine)
    educators = Educators(store, clock)
    educators.add("ada", PASSWORD)
    token = educators.sign_in("ada", PASSWORD, HOME)
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("records.db*"))
    assert b"$argon2id$" in kept
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_signing_out_ends_this_sign_in_and_no_other(educators: Educators):
    educators.add("ada", PASSWORD)
    first, second = (educators.sign_in("ada", PASSWORD, HOME) for _ in range(2))
    educators.sign_out(first)
    educators.sign_out(None)
    assert educators.whoami(first) is None
    assert educators.whoami(second) is not None


def test_a_sign_in_expires(educators: Educators, clock):
    educators.add("ada", PASSWORD)
    token = educators.sign_in("ada", PASSWORD, HOME)
    clock.pass_seconds(12 * 3600 - 1)
    assert educators.whoami(token) is not None
    clock.pass_seconds(1)
    assert educators.whoami(token) is None


def test_a_removed_educator_is_out_at_once(educators: Educators):
    educators.add("ada", PASSWORD)
    token = educators.sign_in("ada", PASSWORD, HOME)
    educators.remove("Ada")
    assert educators.whoami(token) is None
    with pytest.raises(NotAllowedError, match="wrong"):
        educators.sign_in("ada", PASSWORD, HOME)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "correct horse batterz"),
        ("ada", ""),
        ("ada", "x" * 100_000),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("a\0da", PASSWORD),
        ("ada", "\ud800 lone surrogate"),
    ],
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(educators: Educators, name, password):
    educators.add("ada", PASSWORD)
    with pytest.raises(NotAllowedError, match=r"^Name or password is wrong\. Check both"):
        educators.sign_in(name, password, HOME)


def test_an_unknown_name_costs_the_same_hash_as_a_known_one():
    hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
    assert not hasher.check_needs_rehash(accounts.HASH_OF_NOBODY)
    assert not accounts.HASHER.check_needs_rehash(accounts.HASH_OF_NOBODY)


def test_the_same_letters_put_together_otherwise_are_the_same_password(educators: Educators):
    educators.add("zoë", "Müller und Söhne")
    assert educators.sign_in("zoe\u0308", "Mu\u0308ller und So\u0308hne", HOME)


def test_after_five_wrong_passwords_even_the_right_one_must_wait(educators: Educators, clock):
    educators.add("ada", PASSWORD)
    waits = []
    for _ in range(12):
        while True:
            try:
                educators.sign_in("ada", "wrong wrong", HOME)
            except TooManyGuessesError as error:
                waits.append(error.wait.total_seconds())
                clock.pass_seconds(waits[-1])
            except NotAllowedError:
                break
    assert waits == [30, 60, 120, 240, 480, 900, 900]
    with pytest.raises(TooManyGuessesError, match="Wait 15 minutes"):
        educators.sign_in("ada", PASSWORD, HOME)
    clock.pass_seconds(900)
    assert educators.sign_in("ada", PASSWORD, HOME)


def test_wrong_passwords_stop_nobody_elsewhere_nor_another_name(educators: Educators):
    educators.add("ada", PASSWORD)
    educators.add("grace", PASSWORD)
    for _ in range(20):
        with pytest.raises(NotAllowedError):
            educators.sign_in("ada", "wrong wrong", "2001:db8::1")
    with pytest.raises(TooManyGuessesError):
        educators.sign_in("ada", PASSWORD, "2001:db8::ffff")  # the same network
    assert educators.sign_in("ada", PASSWORD, HOME)
    assert educators.sign_in("grace", PASSWORD, "2001:db8::1")


def test_from_where_she_signed_in_before_a_right_password_is_never_refused(educators: Educators):
    educators.add("ada", PASSWORD)
    assert educators.sign_in("ada", PASSWORD, HOME)
    for _ in range(20):  # somebody beside her
        with pytest.raises(NotAllowedError):
            educators.sign_in("ada", "wrong wrong", HOME)
    with pytest.raises(TooManyGuessesError):
        educators.sign_in("ada", "wrong wrong", HOME)
    assert educators.sign_in("ada", PASSWORD, HOME)
    educators.remove("ada")
    educators.add("ada", "another one, then")
    for _ in range(6):
        with pytest.raises(NotAllowedError):
            educators.sign_in("ada", "wrong wrong", HOME)
    with pytest.raises(TooManyGuessesError):
        educators.sign_in("ada", "another one, then", HOME)


def test_the_wait_outlives_the_server_and_holds_on_every_other(store, clock):
    first, second = Educators(store, clock), Educators(store, clock)
    first.add("ada", PASSWORD)
    for _ in range(5):
        with pytest.raises(NotAllowedError):
            first.sign_in("ada", "wrong wrong", HOME)
    with pytest.raises(TooManyGuessesError):
        second.sign_in("ada", PASSWORD, HOME)


def test_a_right_password_starts_the_count_anew(educators: Educators):
    educators.add("ada", PASSWORD)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(NotAllowedError, match="wrong"):
                educators.sign_in("ada", "wrong wrong", HOME)
        assert educators.sign_in("ada", PASSWORD, HOME)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "elsewhere"),
        ("testclient", "elsewhere"),
    ],
)
def test_addresses_are_counted_by_network(address: str, counted: str):
    assert network(address) == counted


@pytest.mark.parametrize("name", ["", "   ", "two words", AT_THE_MACHINE, "a/b", "x" * 65, "a\0b"])
def test_a_bad_name_is_refused(educators: Educators, name: str):
    with pytest.raises(BadInputError, match="Expected a name of letters"):
        educators.add(name, PASSWORD)
    assert educators.are_none()


@pytest.mark.parametrize("password", ["", "nine char", "x" * 201, "aaaaaaaaaaaa", "ada.lovelace"])
def test_a_bad_password_is_refused(educators: Educators, password: str):
    with pytest.raises(BadInputError, match="Expected a password"):
        educators.add("ada.lovelace", password)
    assert educators.are_none()


def test_a_taken_name_is_refused(educators: Educators):
    educators.add("ada", PASSWORD)
    with pytest.raises(StaleError, match="octtutor educator remove ada"):
        educators.add("Ada", "another password")


def test_the_person_at_the_machine_is_the_educator_until_there_is_an_account(clock):
    educators = Educators(MemoryStore(), clock)
    person = educators.person_at_the_machine()
    assert person is not None
    assert not person.has_account
    educators.add("ada", PASSWORD)
    assert educators.person_at_the_machine() is None
    educators.remove("ada")
    assert educators.person_at_the_machine() is not None
