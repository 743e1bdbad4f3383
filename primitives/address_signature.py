"""Signatures that show who controls a blockchain address.

| scheme | what was signed |
|---|---|
| ``eip-191`` | the message's UTF-8 bytes, as ``personal_sign`` does (EIP-191, version 0x45) |
| ``eip-191-abi-keccak256`` | likewise, but of the 32 bytes ``keccak256(abi.encode(message))``: Summa's form |

Both recover the signer's Ethereum address with the library eth-account (extra ``reserves``), which is loaded when
it is first needed.
"""

from __future__ import annotations

import re
from typing import Final

from primitives.errors import SealedbookError

EIP_191: Final = "eip-191"
EIP_191_ABI: Final = "eip-191-abi-keccak256"
SCHEMES: Final = (EIP_191, EIP_191_ABI)

_ADDRESS: Final = re.compile(r"\A0x[0-9a-fA-F]{40}\Z")
_SIGNATURE: Final = re.compile(r"\A0x[0-9a-fA-F]{128}(?:1[bB]|1[cC])\Z")
"""r, s and v, with v 27 or 28."""


class AddressSignatureError(SealedbookError):
    """The signature does not show that the address's key signed the message; says why."""


class UnknownSchemeError(AddressSignatureError):
    """No signatures of this scheme are verified here."""


class SignatureLibraryMissingError(AddressSignatureError):
    """eth-account is not installed."""

    def __init__(self) -> None:
        super().__init__("eth-account is not installed: pip install 'sealedbook[reserves]'")


def verify_address_signature(scheme: str, address: str, message: str, signature: str) -> None:
    """Return if the key of `address` signed `message`; else raise.

    Raises `UnknownSchemeError` for a scheme that is not in `SCHEMES`, `SignatureLibraryMissingError` where the
    library is needed and missing, and `AddressSignatureError` for everything that does not verify.
    """
    if scheme not in SCHEMES:
        raise UnknownSchemeError(f"scheme {scheme!r} is not verified here")
    if not _ADDRESS.match(address):
        raise AddressSignatureError("the address is not 0x and 40 hexadecimal digits")
    if not _SIGNATURE.match(signature):
        raise AddressSignatureError("the signature is not 0x and 130 hexadecimal digits that end in 1b or 1c")
    signer = _recover(scheme, message, bytes.fromhex(signature[2:]))
    if signer.lower() != address.lower():
        raise AddressSignatureError(f"the signature is by {signer}")


def _recover(scheme: str, message: str, signature: bytes) -> str:
    """The checksummed address of the key that made the signature."""
    try:
        from eth_abi.abi import encode as encode_abi
        from eth_account import Account
        from eth_account.messages import encode_defunct
        from eth_keys.exceptions import BadSignature
        from eth_utils.crypto import keccak
        from eth_utils.exceptions import ValidationError
    except ImportError as error:
        raise SignatureLibraryMissingError from error
    signed = message.encode("utf-8")
    if scheme == EIP_191_ABI:
        signed = keccak(encode_abi(["string"], [message]))
    try:
        return str(Account.recover_message(encode_defunct(primitive=signed), signature=signature))
    except (BadSignature, ValidationError) as error:
        raise AddressSignatureError("the signature is by no key") from error
