#!/usr/bin/python3
"""Our SAML metadata and our requests, read by lasso as an identity provider would.

Usage: sp_metadata.py FOLDER

FOLDER holds sp.xml (our metadata), digid.xml, digid.key and digid.crt (the identity provider's), and queries (a line each: the
query of a signed AuthnRequest). Prints what lasso found, as JSON.
"""

import json
import pathlib
import sys

try:
    import lasso
except ImportError:
    sys.exit("lasso is missing: install the Debian package python3-lasso, and run this with /usr/bin/python3")


def server(folder):
    read = lambda name: (folder / name).read_text()
    return lasso.Server.newFromBuffers(read("digid.xml"), read("digid.key"), None, read("digid.crt"))


def main():
    folder = pathlib.Path(sys.argv[1])
    idp = server(folder)
    idp.addProviderFromBuffer(lasso.PROVIDER_ROLE_SP, (folder / "sp.xml").read_text())
    (entity_id,) = idp.providers.keys()
    provider = idp.providers[entity_id]
    accepted = []
    for query in (folder / "queries").read_text().splitlines():
        login = lasso.Login(idp)
        login.signatureVerifyHint = lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE
        try:
            login.processAuthnRequestMsg(query)
            accepted.append(True)
        except lasso.Error:
            accepted.append(False)
    found = {
        "entity_id": entity_id,
        "consumer": provider.getAssertionConsumerServiceUrl("0"),
        "signs_requests": provider.getMetadataOne("AuthnRequestsSigned"),
        "accepted": accepted,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
