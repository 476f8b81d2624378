"""Who is let in when: a rate over a clock of our own, places, bytes of bodies, followers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from vectorstore_instance.core.admission import REQUESTS, Admission
from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.core.exchange import Caller, Exchange, current
from vectorstore_instance.core.roles import Role
from vectorstore_instance.settings import Limits

PATH = "/api/v2/tenants/t/databases/d/collections"


@pytest.fixture(autouse=True)
def no_request_is_current() -> Iterator[None]:
    """What a test's requests leave behind would be in the log lines of the tests after it."""
    token = current.set(None)
    yield
    current.reset(token)


class Door:
    """An admission with a clock and limits that a test moves."""

    def __init__(self, *, follows: bool = False, **limits: Any) -> None:
        self.now = 0.0
        self.limits = Limits(**limits)
        self.admission = Admission(lambda: self.limits, follows=follows, clock=lambda: self.now)

    def ask(
        self,
        path: str = PATH,
        role: Role | None = Role.READ_WRITE,
        requests: str | None = None,
        hands_on: int = 0,
    ) -> None:
        exchange = Exchange("GET", path, caller=Caller(role, "somebody") if role else None)
        current.set(exchange)
        headers = [] if requests is None else [(REQUESTS.encode(), requests.encode())]
        with self.admission.admit(exchange, headers) as place:
            place.take()
            for _ in range(hands_on):
                self.admission.hand_on()

    def let_in(self, times: int, **asked: Any) -> int:
        """How many of so many requests are let in."""
        return sum(self._comes_in(**asked) for _ in range(times))

    def _comes_in(self, **asked: Any) -> bool:
        try:
            self.ask(**asked)
        except ApiError:
            return False
        return True


def refusal(door: Door, **asked: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        door.ask(**asked)
    return caught.value


def test_without_a_rate_everybody_comes_in() -> None:
    assert Door().let_in(1000) == 1000


def test_so_many_come_at_once_and_so_many_a_second_after_them() -> None:
    door = Door(requests_per_second=10, burst=5)
    assert door.let_in(20) == 5
    door.now += 0.25
    assert door.let_in(20) == 2
    door.now += 60
    assert door.let_in(20) == 5


def test_a_rate_without_burst_lets_two_seconds_worth_come_at_once() -> None:
    assert Door(requests_per_second=10).let_in(100) == 20
    assert Door(requests_per_second=0.1).let_in(100) == 1


def test_the_refusal_says_limit_use_remedy_and_when_to_come_again() -> None:
    door = Door(requests_per_second=0.5, burst=1)
    door.ask()
    told = refusal(door)
    assert (told.status, told.error, told.headers) == (429, "RateLimitError", {"retry-after": "2"})
    assert told.message == (
        "requests: more than 0.5 a second, and the 1 that may come at once have come; wait 2 s, "
        "put more into one request, or have the plan's limit raised (requests_per_second, burst)"
    )
    door.now += 1.5
    assert refusal(door).headers == {"retry-after": "1"}
    door.now += 0.5
    door.ask()


def test_a_changed_rate_counts_from_the_next_request_on() -> None:
    door = Door(requests_per_second=1, burst=1)
    assert door.let_in(5) == 1
    door.limits = Limits(requests_per_second=100, burst=50)
    door.now += 1
    assert door.let_in(100) == 50
    door.limits = Limits(requests_per_second=100, burst=3)
    door.now += 1
    assert door.let_in(100) == 3
    door.limits = Limits()
    assert door.let_in(100) == 100
    door.limits = Limits(requests_per_second=1, burst=5)
    assert door.let_in(100) == 5


@pytest.mark.parametrize("path", ["/", "/healthz/", "/health", "/docs", "/openapi.json", "/api/v2/heartbeat"])
@pytest.mark.parametrize("role", [None, Role.READ_WRITE])
def test_what_needs_no_key_uses_up_nothing(path: str, role: Role | None) -> None:
    door = Door(requests_per_second=1, burst=1, max_concurrent=1)
    assert door.let_in(10, path=path, role=role) == 10
    door.ask()


def test_places_are_taken_and_given_back() -> None:
    door = Door(max_concurrent=2)
    one, two = (Exchange("GET", PATH, caller=Caller(Role.READ_WRITE, "x")) for _ in range(2))
    with door.admission.admit(one, []) as first, door.admission.admit(two, []) as second:
        first.take()
        second.take()
        first.take()  # once more is nothing
        told = refusal(door)
        assert (told.status, told.error, told.headers) == (429, "RateLimitError", {"retry-after": "1"})
        assert "requests: 2 of 2 are under way at once" in told.message
    assert door.admission.under_way == 0
    door.ask()


def test_who_has_not_arrived_yet_keeps_nobody_out() -> None:
    door = Door(max_concurrent=1)
    arriving = Exchange("POST", PATH, caller=Caller(Role.READ_WRITE, "x"))
    with door.admission.admit(arriving, []) as place:
        place.receive(100)
        door.ask()
        place.take()
        assert refusal(door).status == 429


def test_bytes_of_bodies_are_bounded_together_and_given_back() -> None:
    door = Door(max_body_bytes=1024)
    exchange = Exchange("POST", PATH, caller=Caller(Role.READ_WRITE, "x"))
    with door.admission.admit(exchange, []) as place:
        place.receive(4096)
        with pytest.raises(ApiError, match="bodies: those under way have 4096 of 4096 bytes") as told:
            place.receive(1)
        assert told.value.headers == {"retry-after": "1"}
    assert door.admission.body_bytes == 0


def test_a_follower_takes_no_tokens_and_says_for_how_many_it_asks() -> None:
    follower = Door(follows=True, requests_per_second=1, burst=1, max_concurrent=7)
    for _ in range(3):
        follower.ask(hands_on=2)  # a request that asks the leader twice is one
    assert follower.let_in(5) == 5, "what it answers by itself"
    assert follower.admission.handed_on() == 3
    assert follower.admission.handed_on() == 0


def test_health_is_asked_for_on_a_follower_without_a_token() -> None:
    follower = Door(follows=True)
    follower.ask(hands_on=1)
    follower.ask("/healthz/", hands_on=1)
    assert follower.admission.handed_on() == 0, "the current request is one for health"
    current.set(None)
    assert follower.admission.handed_on() == 1


def test_a_debt_is_a_bucketful_at_most() -> None:
    leader = Door(requests_per_second=1, burst=10)
    leader.ask(role=Role.INTERNAL, requests="1000")
    leader.now += 11
    leader.ask()


def test_the_leader_takes_tokens_for_all_that_a_followers_request_stands_for() -> None:
    leader = Door(requests_per_second=1, burst=10)
    leader.ask(role=Role.INTERNAL, requests="8")
    leader.ask(role=Role.INTERNAL, requests="0")  # the second half of one that was counted
    leader.ask(role=Role.INTERNAL, requests="5")  # leaves a debt of 3
    assert refusal(leader).headers == {"retry-after": "4"}
    leader.ask(role=Role.INTERNAL, requests="0")
    leader.now += 4
    assert leader.let_in(5) == 1


def test_nobody_but_a_follower_says_how_many_tokens_it_costs() -> None:
    leader = Door(requests_per_second=1, burst=3)
    assert leader.let_in(10, requests="0") == 3
    assert refusal(Door(requests_per_second=1), role=Role.INTERNAL, requests="-1").status == 400
