#!/usr/bin/python3
"""A portal on Authlib, which nobody here wrote. drive.py is its browser: each says to the other what comes next, a line of JSON at
a time. It signs for who it is (private_key_jwt), as policy `nlgov` wants."""

import json
import secrets
import sys
import time

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey


class Brief(PrivateKeyJWT):
    """Authlib's assertions live an hour unless told otherwise, and Namens takes five minutes at most. What its class is given once for
    all would be the `jti` too."""

    def sign(self, auth, token_endpoint):
        self.claims = {"exp": int(time.time()) + 240}
        return super().sign(auth, token_endpoint)


def say(**what):
    print(json.dumps(what), flush=True)


def hear():
    return json.loads(sys.stdin.readline())


key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "PS256"}, private=True)
say(jwks={"keys": [key.as_dict(private=False)]})
told = hear()

plain = requests.Session()
plain.trust_env = False
server = plain.get(f"{told['issuer']}/.well-known/openid-configuration", timeout=30).json()
session = OAuth2Session(
    told["client_id"], key.as_dict(private=True), scope="openid email act_as", redirect_uri=told["redirect_uri"],
    token_endpoint_auth_method=Brief(server["token_endpoint"], headers={"kid": "one"}, alg="PS256"),
    token_endpoint=server["token_endpoint"], code_challenge_method="S256", default_timeout=30)
session.trust_env = False

verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
say(go=url)

back = hear()
while "altered" in back:
    try:
        session.fetch_token(server["token_endpoint"], authorization_response=back["altered"], state=state, code_verifier=verifier)
        say(refused=None)
    except Exception as error:
        say(refused=getattr(error, "error", str(error)))
    back = hear()
tokens = session.fetch_token(server["token_endpoint"], authorization_response=back["came"], state=state, code_verifier=verifier)
served = KeySet.import_key_set(plain.get(server["jwks_uri"], timeout=30).json())
decoded = jwt.decode(tokens["id_token"], served, algorithms=["RS256"])
claims = CodeIDToken(decoded.claims, decoded.header, {
    "iss": {"value": told["issuer"]}, "aud": {"value": told["client_id"]}}, {
    "nonce": nonce, "client_id": told["client_id"], "access_token": tokens["access_token"]})
claims.validate()
user = session.get(server["userinfo_endpoint"]).json()
first = tokens["access_token"], tokens["refresh_token"]
fresh = session.refresh_token(server["token_endpoint"], refresh_token=first[1])
again = session.get(server["userinfo_endpoint"]).json()
say(claims=dict(claims), user=user, again=again, token_type=tokens["token_type"], renewed=fresh["access_token"] != first[0],
    rotated=fresh["refresh_token"] != first[1])

hear()
query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": told["post_logout_redirect_uri"], "state": "bye"}
say(go=requests.Request("GET", server["end_session_endpoint"], params=query).prepare().url)
hear()
try:
    session.refresh_token(server["token_endpoint"], refresh_token=fresh["refresh_token"])
    say(after="refreshed")
except Exception as error:
    say(after=getattr(error, "error", str(error)))
