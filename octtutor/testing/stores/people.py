"""What every store promises of trainees, educators, sign-ins and guesses."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from octtutor.core.educator import FIRST_WAIT, FREE_GUESSES, Educator, Guess, SignIn
from octtutor.core.quiz import Trainee
from octtutor.errors import StaleError, StoreError
from octtutor.store.contract import PeopleStore
from octtutor.testing.stores.examples import NOW

ADA, GRACE = Educator("ada", NOW), Educator("grace", NOW)
MINUTE = timedelta(minutes=1)


def sign_in(token: str = "a" * 64, educator: str = "ada", hours: int = 12) -> SignIn:
    """Return a sign-in."""
    return SignIn(token, educator, NOW, NOW + timedelta(hours=hours))


def guess(who: str = "ada", address: str = "192.0.2.1", minutes: float = 0) -> Guess:
    """Return a guess at a password."""
    return Guess(who, address, NOW + minutes * MINUTE)


class PeopleSuite:
    """Needs a fixture `store`, an empty `PeopleStore`."""

    def test_educators_come_back_as_they_went_in_without_their_passwords(
        self, store: PeopleStore
    ) -> None:
        assert not store.has_educators()
        store.add_educator(GRACE, "hash of grace")
        store.add_educator(ADA, "hash of ada")
        assert store.has_educators()
        assert store.educators() == (ADA, GRACE)
        assert store.find_password_hash("ada") == "hash of ada"
        assert store.find_password_hash("nobody") is None

    def test_a_taken_name_is_refused_and_keeps_its_password(self, store: PeopleStore) -> None:
        store.add_educator(ADA, "first")
        with pytest.raises(StaleError, match="already"):
            store.add_educator(replace(ADA, created_at=NOW + MINUTE), "second")
        assert store.find_password_hash("ada") == "first"
        assert store.educators() == (ADA,)

    def test_of_many_who_take_a_name_at_once_one_gets_it(self, store: PeopleStore) -> None:
        def take(n: int) -> bool:
            try:
                store.add_educator(ADA, f"hash {n}")
            except StaleError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(take, range(16))).count(True) == 1

    def test_a_sign_in_is_found_until_it_is_ended(self, store: PeopleStore) -> None:
        store.add_educator(ADA, "hash")
        store.add_sign_in(sign_in())
        assert store.find_sign_in("a" * 64) == (sign_in(), ADA)
        assert store.find_sign_in("b" * 64) is None
        store.end_sign_in("a" * 64)
        store.end_sign_in("a" * 64)
        assert store.find_sign_in("a" * 64) is None

    def test_a_sign_in_needs_an_educator(self, store: PeopleStore) -> None:
        with pytest.raises(StoreError, match="no educator 'ada'"):
            store.add_sign_in(sign_in())

    def test_removing_an_educator_ends_their_sign_ins_and_no_others(
        self, store: PeopleStore
    ) -> None:
        store.add_educator(ADA, "hash")
        store.add_educator(GRACE, "hash")
        store.add_sign_in(sign_in("a" * 64))
        store.add_sign_in(sign_in("b" * 64))
        store.add_sign_in(sign_in("c" * 64, "grace"))
        store.remove_educator("ada")
        assert store.find_sign_in("a" * 64) is None
        assert store.find_sign_in("b" * 64) is None
        assert store.find_sign_in("c" * 64) == (sign_in("c" * 64, "grace"), GRACE)
        assert store.educators() == (GRACE,)
        with pytest.raises(StoreError, match="no educator 'ada'"):
            store.remove_educator("ada")

    def test_a_removed_educator_who_is_added_again_is_not_signed_in(
        self, store: PeopleStore
    ) -> None:
        store.add_educator(ADA, "hash")
        store.add_sign_in(sign_in())
        store.remove_educator("ada")
        store.add_educator(ADA, "another")
        assert store.find_sign_in("a" * 64) is None

    def test_expired_sign_ins_are_forgotten_at_the_next_one(self, store: PeopleStore) -> None:
        store.add_educator(ADA, "hash")
        store.add_sign_in(sign_in("a" * 64, hours=1))
        store.add_sign_in(replace(sign_in("b" * 64), created_at=NOW + timedelta(hours=2)))
        assert store.find_sign_in("a" * 64) is None
        assert store.find_sign_in("b" * 64) is not None

    def test_guesses_are_counted_by_name_and_address_together(self, store: PeopleStore) -> None:
        for _ in range(FREE_GUESSES):
            assert not store.admit_guess(guess("ada", "192.0.2.1"), NOW)
        assert store.admit_guess(guess("ada", "192.0.2.1"), NOW) == FIRST_WAIT
        assert not store.admit_guess(guess("ada", "192.0.2.2"), NOW)
        assert not store.admit_guess(guess("grace", "192.0.2.1"), NOW)

    def test_who_waits_and_goes_on_guessing_waits_longer(self, store: PeopleStore) -> None:
        for _ in range(FREE_GUESSES):
            store.admit_guess(guess(), NOW)
        assert store.admit_guess(guess(), NOW) == FIRST_WAIT  # and does not count
        assert not store.admit_guess(guess(minutes=1), NOW)
        assert store.admit_guess(guess(minutes=1), NOW) == 2 * FIRST_WAIT

    def test_old_guesses_do_not_count(self, store: PeopleStore) -> None:
        for _ in range(FREE_GUESSES):
            assert not store.admit_guess(guess(), NOW)
        assert store.admit_guess(guess(), NOW)
        assert not store.admit_guess(guess(), NOW + MINUTE)

    def test_a_right_guess_forgets_those_from_the_same_place_only(self, store: PeopleStore) -> None:
        for address in ("192.0.2.1", "192.0.2.2"):
            for _ in range(FREE_GUESSES):
                store.admit_guess(guess("ada", address), NOW)
        store.forget_guesses("ada", "192.0.2.1")
        assert not store.admit_guess(guess("ada", "192.0.2.1"), NOW)
        assert store.admit_guess(guess("ada", "192.0.2.2"), NOW)

    def test_of_many_guesses_at_once_no_more_get_through(self, store: PeopleStore) -> None:
        with ThreadPoolExecutor(8) as pool:
            waits = list(pool.map(lambda _: store.admit_guess(guess(), NOW), range(24)))
        assert waits.count(timedelta(0)) == FREE_GUESSES

    def test_an_address_is_known_until_it_is_forgotten(self, store: PeopleStore) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: store.remember_address("ada", "192.0.2.1"), range(8)))
        assert store.knows_address("ada", "192.0.2.1")
        assert not store.knows_address("ada", "192.0.2.2")
        assert not store.knows_address("grace", "192.0.2.1")
        store.forget_addresses("ada")
        assert not store.knows_address("ada", "192.0.2.1")

    def test_naive_times_of_educators_are_refused(self, store: PeopleStore) -> None:
        with pytest.raises((ValueError, StoreError), match="zone"):
            store.add_educator(Educator("ada", NOW.replace(tzinfo=None)), "hash")
        with pytest.raises((ValueError, StoreError), match="zone"):
            store.admit_guess(Guess("ada", "x", NOW.replace(tzinfo=None)), NOW)

    def test_a_trainee_is_found_again_and_can_change_the_nickname(self, store: PeopleStore) -> None:
        store.add_trainee(Trainee("t", "Ada", NOW))
        store.add_trainee(Trainee("t", "Grace", NOW + timedelta(days=1)))
        assert store.find_trainee("t") == Trainee("t", "Grace", NOW)
        assert store.find_trainee("nobody") is None

    def test_text_of_any_kind_is_kept(self, store: PeopleStore) -> None:
        odd = "Zoë <b>'; DROP TABLE trainees; -- 眼 🩺"
        store.add_trainee(Trainee("t", odd, NOW))
        found = store.find_trainee("t")
        assert found is not None
        assert found.nickname == odd
