"""Keys that stay in an SSH agent, on whoever's machine and token that is.

The agent signs the bytes that we give it, with plain Ed25519, so verifiers see no difference. No
signature of ours passes for one of SSH, nor the other way: logins sign what begins with a length
below 2^16, files (SSHSIG) what begins with `SSHSIG`, envelopes what begins with `DSSEv1 `.
Protocol: draft-ietf-sshm-ssh-agent. Only the agent that SSH_AUTH_SOCK names is asked.
"""

from __future__ import annotations

import base64
import binascii
import os
import socket
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.frozen import frozen_row

KIND = b"ssh-ed25519"
ANSWER_MAX = 256 << 10  # OpenSSH's own bound
ASK_SECONDS = 10.0
SIGN_SECONDS = 120.0
"""Somebody may have to confirm it by hand."""

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_HINT = 'start ssh-agent, "ssh-add" the private key, and see it with "ssh-add -l"'


@frozen_row
class AgentKey:
    """The private half of a public key, in the agent."""

    public: Ed25519PublicKey
    where: str

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over a message, checked before it is believed.

        Raises:
            KeyUnavailable: the agent does not answer, or does not sign.
        """
        body = _string(_blob(self.public)) + _string(message) + (0).to_bytes(4, "big")
        kind, answer = _asked(self.where, _SIGN, body, SIGN_SECONDS)
        if kind != _SIGNED:
            raise KeyUnavailable("the SSH agent does not sign with this key", hint=_HINT)
        try:
            blob, _ = _taken(answer)
            signature = blob.removeprefix(_string(KIND) + (64).to_bytes(4, "big"))
            self.public.verify(signature, message)
        except (ValueError, InvalidSignature):
            raise KeyUnavailable("the SSH agent's signature is none of this key") from None
        return signature


def agent_key(public: Ed25519PublicKey) -> AgentKey:
    """Return the private half of a key, which the agent must hold.

    Raises:
        KeyUnavailable: there is no agent, or it does not hold it.
    """
    where = os.environ.get("SSH_AUTH_SOCK", "")
    if not where:
        raise KeyUnavailable(
            "a public key is named to sign with, and no SSH agent runs (SSH_AUTH_SOCK)", hint=_HINT
        )
    kind, answer = _asked(where, _LIST, b"", ASK_SECONDS)
    try:
        if kind != _LISTED or _blob(public) not in _listed(answer):
            raise KeyUnavailable("the SSH agent does not hold the key that is to sign", hint=_HINT)
    except ValueError:
        raise KeyUnavailable("the SSH agent's answer is none") from None
    return AgentKey(public, where)


def public_of(content: bytes) -> Ed25519PublicKey | None:
    """Return the key in OpenSSH's line (`ssh-ed25519 AAAA... comment`); None: it is no such.

    Raises:
        KeyUnavailable: it is a key of another kind, or there are more lines than one.
    """
    words = content.split(None, 2)
    if len(words) < 2 or not words[0].startswith((b"ssh-", b"sk-ssh-", b"ecdsa-", b"sk-ecdsa-")):
        return None
    if len(content.strip().splitlines()) > 1:
        raise KeyUnavailable(
            "more than one line, where one key was asked for",
            hint="give a file of the one key alone: nobody should sign with a key unseen",
        )
    if words[0] != KIND:
        raise KeyUnavailable(
            "an OpenSSH key of another kind than ssh-ed25519",
            hint='make one with "ssh-keygen -t ed25519"; a FIDO key (sk-) signs in another form,'
            " which the verifiers of evidence do not read",
        )
    try:
        name, rest = _taken(base64.b64decode(words[1], validate=True))
        raw, rest = _taken(rest)
        if name == KIND and not rest:
            return Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, binascii.Error):
        pass
    raise KeyUnavailable("an OpenSSH public key that is damaged")


# --- the protocol --------------------------------------------------------------------------


def _asked(where: str, kind: int, body: bytes, seconds: float) -> tuple[int, bytes]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(seconds)
            wire.connect(where)
            wire.sendall(_string(bytes((kind,)) + body))
            end = time.monotonic() + seconds
            size = int.from_bytes(_read(wire, 4, end), "big")
            if not 1 <= size <= ANSWER_MAX:
                raise KeyUnavailable("the SSH agent's answer is none")
            answer = _read(wire, size, end)
    except (OSError, ValueError) as error:
        raise KeyUnavailable(f"the SSH agent does not answer: {type(error).__name__}") from None
    return answer[0], answer[1:]


def _read(wire: socket.socket, size: int, end: float) -> bytes:
    found = b""
    while len(found) < size:
        if (left := end - time.monotonic()) <= 0:
            raise TimeoutError
        wire.settimeout(left)
        piece = wire.recv(size - len(found))
        if not piece:
            raise ConnectionError
        found += piece
    return found


def _listed(answer: bytes) -> list[bytes]:
    count, rest = int.from_bytes(answer[:4], "big"), answer[4:]
    found: list[bytes] = []
    while rest and len(found) < count:
        blob, rest = _taken(rest)
        _, rest = _taken(rest)
        found.append(blob)
    return found


def _blob(public: Ed25519PublicKey) -> bytes:
    return _string(KIND) + _string(public.public_bytes_raw())


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _taken(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < max(4, end):
        raise ValueError("cut short")
    return data[4:end], data[end:]
