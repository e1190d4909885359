from hypothesis import given
from hypothesis import strategies as st

from bayan.core.references import digits_in, grouped, is_reference, new_reference

references = st.builds(new_reference)


@given(references)
def test_a_reference_is_nine_digits_and_carries_its_check_digit(reference: str) -> None:
    assert len(reference) == 9
    assert reference.isdigit()
    assert reference[0] != "0"
    assert is_reference(reference)


@given(references, st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(reference: str, place: int, shift: int) -> None:
    wrong = str((int(reference[place]) + shift) % 10)
    assert not is_reference(reference[:place] + wrong + reference[place + 1 :])


@given(references, st.integers(0, 7))
def test_two_neighbours_swapped_are_always_noticed(reference: str, place: int) -> None:
    a, b = reference[place], reference[place + 1]
    swapped = reference[:place] + b + a + reference[place + 2 :]
    assert a == b or not is_reference(swapped)


def test_references_do_not_follow_one_another() -> None:
    drawn = [int(new_reference()) for _draw in range(200)]
    assert len(set(drawn)) == 200
    assert drawn != sorted(drawn)


def test_a_reference_is_read_aloud_in_three_groups() -> None:
    assert grouped("482173095") == "482\u00a0173\u00a0095"


def test_digits_are_found_in_whichever_digits_they_are_written() -> None:
    assert digits_in("بلاغ ٤٨٢ ۱۷۳-095") == "482173095"
