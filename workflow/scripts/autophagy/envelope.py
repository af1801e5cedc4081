"""Signing bytes with a key in a file: DSSE envelopes and ed25519 keys as `openssl` writes them.

Keys are PEM: PKCS8 for the private one, SubjectPublicKeyInfo for the public one. A key is named by
its fingerprint, the hex SHA-256 of the public key's DER. Source: Dead Simple Signing Envelope v1.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from autophagy import store
from autophagy.errors import UserError, unreadable

#: Environment variable that holds the passphrase of an encrypted private key.
PASSPHRASE = "AUTOPHAGY_KEY_PASSPHRASE"
_MAKE = "make one with `openssl genpkey -algorithm ed25519 -out key.pem`"
_PUBLISH = "`openssl pkey -in key.pem -pubout -out key.pub` writes it"


def seal(payload: bytes, payload_type: str, private: Any) -> tuple[dict[str, Any], str]:
    """An envelope with one signature, and the fingerprint of its key.

    The same payload and key give the same envelope.

    Args:
        private: a key that `private_key` read.
    """
    library = _library()
    public = private.public_key()
    name = fingerprint(public)
    envelope = library.dsse.Envelope(payload, payload_type, {})
    key = library.signer.SSlibKey.from_crypto(public, keyid=name)
    envelope.sign(library.signer.CryptoSigner(private, key))
    return envelope.to_dict(), name


def unseal(file: Path, payload_type: str, key_file: Path) -> tuple[bytes | None, str]:
    """The payload of an envelope, and the fingerprint of the key that signed it.

    Returns:
        (payload, fingerprint), or (None, why the signature is not this key's).

    Raises:
        UserError: the packages are missing, the file is no envelope of this type, or the key file
            holds no ed25519 public key.
    """
    library = _library()
    failures = library.exceptions
    public = _public_key(key_file)
    name = fingerprint(public)
    content = store.read_json(file)
    try:
        envelope = library.dsse.Envelope.from_dict(content)
    except (KeyError, TypeError, ValueError, AttributeError, failures.FormatError) as error:
        raise UserError(f"{file}: is no signature (a DSSE envelope)") from error
    if envelope.payload_type != payload_type:
        raise UserError(f"{file}: signs {envelope.payload_type!r}, not {payload_type!r}")
    if name not in envelope.signatures:
        return None, f"is not signed by the key of {key_file} ({name:.16})"
    try:
        envelope.verify([library.signer.SSlibKey.from_crypto(public, keyid=name)], 1)
    except failures.VerificationError:
        return None, f"its signature is not one of key {name:.16} over its content"
    return envelope.payload, name


def is_sealed(file: Path) -> bool:
    """Is it an envelope, whoever signed it?"""
    try:
        content = store.read_json(file)
    except UserError:
        return False
    return isinstance(content, dict) and {"payload", "payloadType", "signatures"} <= content.keys()


def fingerprint(public: Any) -> str:
    """The hex SHA-256 of a public key's DER (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def private_key(file: Path) -> Any:
    """The ed25519 private key that a file holds; an encrypted one opens with `PASSPHRASE`.

    Raises:
        UserError: the packages are missing, or there is no such key that opens.
    """
    _library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(file)
    if b"PUBLIC KEY-----" in content:
        raise UserError(f"{file}: is a public key; signing needs the private one")
    passphrase = None
    if b"BEGIN ENCRYPTED" in content:
        if PASSPHRASE not in os.environ:
            raise UserError(f"{file}: is encrypted; give its passphrase in ${PASSPHRASE}")
        passphrase = os.environb[PASSPHRASE.encode()]
    try:
        key = load_pem_private_key(content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if passphrase is not None:
            raise UserError(f"{file}: ${PASSPHRASE} does not open it") from error
        raise UserError(f"{file}: is no private key in PEM (PKCS8); {_MAKE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{file}: is no ed25519 key; {_MAKE}")
    return key


def _public_key(file: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(file)
    if b"PRIVATE KEY-----" in content:
        raise UserError(f"{file}: is a private key; verifying needs the public one; {_PUBLISH}")
    try:
        key = load_pem_public_key(content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"{file}: is no public key in PEM; {_PUBLISH}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(f"{file}: is no ed25519 key; {_MAKE}")
    return key


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from error


def _library() -> Any:
    """securesystemslib, with the modules used here.

    Raises:
        UserError: it or what it signs with is not installed.
    """
    try:
        import cryptography  # noqa: F401
        import securesystemslib.dsse
        import securesystemslib.exceptions
        import securesystemslib.signer
    except ImportError as error:
        raise UserError(
            "signatures need the packages securesystemslib and cryptography: "
            "pip install -e '.[sign]'"
        ) from error
    return securesystemslib
