"""Labels: an address and a code that a scanner can check."""

from ..orders.parcel import Parcel


def check_digit(code: str) -> int:
    """Of a code of digits, modulo 10 with weights 3 and 1 from the right (as GS1's SSCC)."""
    weighted = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(code)))
    return -weighted % 10


def label(parcel: Parcel, serial: int, name: str, street: str, town: str) -> str:
    code = f"40123450{serial:09d}"
    pieces = sum(parcel.contents.values())
    return "\n".join([name, street, town, f"{pieces} pieces, {parcel.weight} g", f"{code}{check_digit(code)}"])


def is_valid(code: str) -> bool:
    return code.isdigit() and check_digit(code[:-1]) == int(code[-1])
