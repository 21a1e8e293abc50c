#!/usr/bin/python3
"""Reads AuthnRequests as DigiD would, with lasso and openssl: two implementations that nobody here wrote.

Usage: request.py SP_METADATA IDP_METADATA IDP_KEY IDP_CERTIFICATE

Each line of standard input is `redirect QUERY` (as sent) or `post SAMLREQUEST` (the field's value). For each, a line of JSON:
what the request says, or `{"refused": "why"}`.
"""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree as xml
import zlib

try:
    import lasso
except ImportError:
    sys.exit("lasso is missing: install the Debian package python3-lasso, and run this with /usr/bin/python3")

DS = "{http://www.w3.org/2000/09/xmldsig#}"
MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


def read(path):
    return pathlib.Path(path).read_text()


def public_key(metadata):
    """The first signing key of a service provider's metadata, in PEM."""
    descriptors = xml.fromstring(metadata).iter(f"{MD}KeyDescriptor")
    signing = next(found for found in descriptors if found.get("use") in (None, "signing"))
    der = base64.b64decode(next(signing.iter(f"{DS}X509Certificate")).text)
    command = ["openssl", "x509", "-inform", "DER", "-pubkey", "-noout"]
    return subprocess.run(command, input=der, capture_output=True, check=True, timeout=60).stdout


def verify_query(query, key):
    """SAML 2.0 bindings, section 3.4.4.1: the signature is over the query up to itself, byte for byte."""
    signed, signature = query.split("&Signature=")
    names = [pair.split("=")[0] for pair in signed.split("&")]
    if names not in (["SAMLRequest", "SigAlg"], ["SAMLRequest", "RelayState", "SigAlg"]):
        raise ValueError(f"parameters out of order: {names}")
    values = urllib.parse.parse_qs(query, strict_parsing=True)
    if values["SigAlg"] != [RSA_SHA256]:
        raise ValueError("another algorithm")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "key").write_bytes(key)
        (folder / "signature").write_bytes(base64.b64decode(urllib.parse.unquote(signature), validate=True))
        command = ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "signature"]
        done = subprocess.run(command, input=signed.encode(), cwd=folder, capture_output=True, timeout=60)
    if done.returncode:
        raise ValueError("openssl: " + done.stdout.decode().strip())
    return zlib.decompress(base64.b64decode(values["SAMLRequest"][0]), -15)


def signature_in(root):
    """How an enveloped signature was made; `None` when there is none."""
    signature = root.find(f"{DS}Signature")
    if signature is None:
        return None
    algorithm = lambda name: [found.get("Algorithm") for found in signature.iter(DS + name)]
    return {
        "canonicalization": algorithm("CanonicalizationMethod"),
        "method": algorithm("SignatureMethod"),
        "transforms": algorithm("Transform"),
        "digest": algorithm("DigestMethod"),
        "references": [found.get("URI") for found in signature.iter(f"{DS}Reference")],
        "key_name": [found.text for found in signature.iter(f"{DS}KeyName")],
    }


def asked(server, key, binding, message):
    text = verify_query(message, key) if binding == "redirect" else base64.b64decode(message, validate=True)
    login = lasso.Login(server)
    login.signatureVerifyHint = lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE
    login.processAuthnRequestMsg(message)
    request, root = login.request, xml.fromstring(text)
    attribute = root.get("ID")
    if attribute != request.iD:
        raise ValueError("lasso reads another request")
    context = request.requestedAuthnContext
    scoping = request.scoping
    return {
        "id": request.iD,
        "issuer": request.issuer.content,
        "destination": request.destination,
        "instant": request.issueInstant,
        "force": bool(request.forceAuthn),
        "comparison": context and context.comparison,
        "classes": list(context.authnContextClassRef) if context else [],
        "children": [child.tag.rpartition("}")[2] for child in root],
        "attributes": sorted(name for name in root.keys()),
        "index": root.get("AssertionConsumerServiceIndex"),
        "url": root.get("AssertionConsumerServiceURL"),
        "asked_by": [value.text for value in root.iter(f"{SAML}AttributeValue")],
        "providers": [entry.providerId for entry in scoping.idpList.idpEntry] if scoping else [],
        "signature": signature_in(root),
    }


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sp, idp, key, certificate = map(read, sys.argv[1:])
    server = lasso.Server.newFromBuffers(idp, key, None, certificate)
    server.addProviderFromBuffer(lasso.PROVIDER_ROLE_SP, sp)
    public = public_key(sp)
    for line in sys.stdin:
        binding, _, message = line.strip().partition(" ")
        try:
            said = asked(server, public, binding, message)
        except Exception as error:  # whatever it is, it is no request
            said = {"refused": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
