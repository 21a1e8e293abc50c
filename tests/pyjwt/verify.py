#!/usr/bin/env python3
"""Verifies an ID token with PyJWT, which nobody here wrote.

Usage: verify.py JWKS_URL ISSUER CLIENT_ID [NONCE] < token

Prints the verified claims as JSON on one line and exits 0; says what is wrong and exits 1 otherwise.
The algorithm is the one that the key set names for the key: never the one that the token claims.
"""

import base64
import hashlib
import json
import sys
import urllib.request

import jwt


def main() -> None:
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    jwks_url, issuer, client_id = sys.argv[1:4]
    token = sys.stdin.read().strip()
    with urllib.request.urlopen(jwks_url, timeout=10) as answer:
        keys = {key["kid"]: key for key in json.load(answer)["keys"]}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        jwt.PyJWK(key).key,
        algorithms=[key["alg"]],
        audience=client_id,
        issuer=issuer,
        options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub", "auth_time", "acr", "sid", "at_hash"]},
    )
    if key["kid"] != thumbprint(key):
        sys.exit("the kid is not the RFC 7638 thumbprint of the key")
    if claims["exp"] - claims["iat"] > 300:
        sys.exit("the token lives longer than five minutes")
    if len(sys.argv) == 5 and claims.get("nonce") != sys.argv[4]:
        sys.exit("the nonce is another one")
    print(json.dumps(claims))


def thumbprint(key: dict) -> str:
    """RFC 7638 section 3: the required members, sorted, hashed."""
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}[key["kty"]]
    canonical = json.dumps({name: key[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    try:
        main()
    except (jwt.PyJWTError, KeyError, OSError, ValueError) as error:
        sys.exit(f"the ID token does not verify: {error!r}")
