"""Sign what is handed over with an SSH key, as `ssh-keygen -Y verify` checks it anywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path


def signed(path: Path, key: Path, namespace: str) -> Path:
    """Write a file's signature beside it and return where; an earlier one is replaced.

    `key` is the file of a private key, or of a public one whose private half an agent holds. Who
    checks it needs the public key by another way, and the namespace.

    Raises:
        SystemExit: the key does not sign, or ssh-keygen is not installed.
    """
    signature = path.with_name(f"{path.name}.sig")
    signature.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(path)]
    try:
        done = subprocess.run(command, check=False)
    except FileNotFoundError:
        raise SystemExit("nothing is signed: ssh-keygen is not installed") from None
    if done.returncode or not signature.is_file():
        raise SystemExit(f"nothing is signed: {key} does not sign; {path} is as it should be")
    return signature
