"""Which passwords are refused, and what a hash costs and tells."""

import pytest
from tests.service.conftest import CHEAP

from trivium.service.errors import InputError
from trivium.service.passwords import Passwords, check_password


@pytest.mark.parametrize(
    "password",
    [
        "Password1234!",
        "P@ssw0rd12345",
        "passwordpassword",
        "qwertyuiop123",
        "1q2w3e4r5t6y",
        "123456789012",
        "987654321098765",
        "aaaaaaaaaaaaaaaa",
        "xyzxyzxyzxyz1",
        "Summer2026!!!",
        "monday-tuesday-1",
        "letmeinletmein1",
        "trivium-admin-2026",
        "anna.kowalski2026",  # the account's own name
        "woaini5201314woaini",
    ],
)
def test_what_others_would_try_first_is_refused(password):
    with pytest.raises(InputError, match="is among the first that would be guessed") as refused:
        check_password(password, name="anna.kowalski@clinic.example")
    assert password not in refused.value.line


@pytest.mark.parametrize(
    "password",
    [
        "giraffe-lamp-seven",
        "correct horse battery staple",
        "kJ8#mmw2Lpq9",
        "我爱北京天安门我爱你三千遍",
        "q" * 3 + "7hVz$Lw0!nB",
    ],
)
def test_long_and_unpredictable_passes_whatever_its_characters(password):
    check_password(password, name="ann")


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("short-words", "password: has 11 characters; at least 12 are needed"),
        ("x7" * 129, "password: has more than 256 characters"),
    ],
)
def test_length(password, message):
    with pytest.raises(InputError) as refused:
        check_password(password)
    assert refused.value.line.startswith(message)


def test_hashes_are_argon2id_at_the_cost_of_rfc_9106():
    made = Passwords().hash("giraffe-lamp-seven")
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_hash_belongs_to_one_password_and_is_made_anew_when_the_cost_changes():
    passwords = Passwords(CHEAP)
    made = passwords.hash("giraffe-lamp-seven")
    assert made != passwords.hash("giraffe-lamp-seven")
    assert passwords.matches(made, "giraffe-lamp-seven")
    assert not passwords.matches(made, "giraffe-lamp-eight")
    assert not passwords.matches("", "nobody's password")
    assert not passwords.matches("not a hash", "giraffe-lamp-seven")
    assert (passwords.is_outdated(made), Passwords().is_outdated(made)) == (False, True)
