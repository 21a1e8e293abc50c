#!/usr/bin/python3
"""Drives a whole DigiD login of a `namens` binary against lasso, and says how it went.

Usage: drive.py NAMENS [FOLDER]

Makes keys and a configuration in FOLDER (a temporary one without it), starts idp.py beside this file and `namens serve`,
logs in as a browser would: a new account after the question page, once more with the same `sub`, by a posted request too, and
what must fail, among it whatever xmlsec1 signs for an attacker (attacks.py); and logs out, from here and from there.
Needs openssl, xmlsec1 and python3-lasso. Exits 0 when all went as docs/requirements.md says; otherwise names the step.
"""

import base64
import json
import pathlib
import re
import signal
import ssl
import sys
import tempfile
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
from attacks import signatures, spoils  # noqa: E402
from house import (  # noqa: E402
    ATTACKER, BSN, HOOG, MIDDEN, PATIENCE, Browser, Failed, House, at_digid, authorization, expect, inside, redeem, too_late)


def first_login(house, browser, bsn=BSN, email="jansen@voorbeeld.nl"):
    page, verifier = at_digid(house, browser)
    expect("MobileTwoFactorContract" in page[2], "lasso accepts the signed request, which asks for Midden", page[2])
    page = browser.submit(page, "digid", {"bsn": bsn, "level": "Midden"})
    expect('id="question-form"' in page[2], "the question page after a first login", page)
    page = browser.submit(page, "question-form", {"answer": "new"})
    mails = house.mails()
    page = browser.submit(page, "register-form", {"email": email, "password": ""})
    page = browser.submit(page, "code-form", {"code": house.mailed_code(mails)})
    claims = redeem(house, page, verifier)
    expect(claims["acr"] == MIDDEN, "the ID token is at Midden", claims)
    expect(claims["act_as"] == [] and claims["nonce"] == "n-0S6_WzA2Mj", "act_as and nonce are in it", claims)
    expect(bsn not in json.dumps(claims), "no BSN is in it", claims)
    return claims["sub"]


def what_follows(house, sub):
    browser = Browser()
    page, verifier = at_digid(house, browser, acr_values=HOOG)
    expect("SmartcardPKI" in page[2], "a higher level is asked when the portal wants it", page[2])
    page = browser.submit(page, "digid", {"bsn": BSN, "level": "Hoog"})
    claims = redeem(house, page, verifier)
    expect((claims["sub"], claims["acr"]) == (sub, HOOG), "the same person at Hoog, without a question", claims)

    page, _ = at_digid(house, browser, prompt="login")
    low = browser.submit(page, "digid", {"bsn": BSN, "level": "Basis"})
    expect(low[0] == 403, "Basis is refused", low)

    page, _ = at_digid(house, Browser())
    request = page[1].replace("Signature=", "Signature=AAAA")
    expect(Browser().go(request)[0] == 404, "lasso refuses a request with a broken signature", request)


def logouts(house):
    """Single logout: by our request, and by lasso's."""
    idp, browser = re.search(r'"(http://[^"]*)/slo"', (house.folder / "idp" / "digid.xml").read_text())[1], Browser()
    page, _ = at_digid(house, browser)
    browser.submit(page, "digid", {"bsn": BSN, "level": "Midden"})
    expect(inside(house, browser), "there is a session", page[:2])
    page = browser.submit(browser.go(f"{house.issuer}/logout"), "logout-form", {})
    expect('id="digid-logout-form"' in page[2] and not inside(house, browser), "out here, and on the way to lasso", page)
    page = browser.submit(page, "digid-logout-form", {})
    expect(page[0] == 200 and "U bent uitgelogd." in page[2], "lasso takes our LogoutRequest, and we its answer", page)

    page, _ = at_digid(house, browser)
    browser.submit(page, "digid", {"bsn": BSN, "level": "Midden"})
    order = {"name": f"s00000000:{BSN}"}
    told = browser.go(f"{idp}/logout", order | {"broken": "x"})
    expect(told[0] == 404 and inside(house, browser), "a LogoutRequest that was changed ends nothing", told)
    told = browser.go(f"{idp}/logout", order)
    expect(told[2].endswith(":Success") and not inside(house, browser), "lasso's ends it, and it takes our answer", told)


def by_post(house, sub):
    """The whole road with a request that a form carries."""
    browser = Browser()
    url, _ = authorization(house)
    page = browser.submit(browser.go(url), "digid-form", {})
    expect("Verder naar DigiD" in page[2], "a form of ours carries the request", page)
    value = re.search(r'name="SAMLRequest" value="([^"]*)"', page[2])[1]
    action = re.search(r'action="([^"]*/sso)"', page[2])[1]
    changed = base64.b64encode(base64.b64decode(value).replace(b"MobileTwoFactorContract", b"Smartcard")).decode()
    for text, status in ((changed, 404), (value, 200)):
        seen = Browser().go(action, {"SAMLRequest": text, "RelayState": "x"})
        expect(seen[0] == status, f"lasso answers {status} to a form that is {'whole' if text == value else 'changed'}", seen[:2])
    page, verifier = at_digid(house, Browser(), acr_values=HOOG)
    expect("SmartcardPKI" in page[2], "lasso accepts the signed form, which asks for Hoog", page)
    browser = Browser()
    page, verifier = at_digid(house, browser)
    page = browser.submit(page, "digid", {"bsn": BSN, "level": "Midden"})
    claims = redeem(house, page, verifier)
    expect((claims["sub"], claims["acr"]) == (sub, MIDDEN), "the same person by a posted request", claims)


def unsigned(house):
    """Lasso itself checks who asks: an ArtifactResolve without our signature gets nothing."""
    body = ('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><p:ArtifactResolve '
            'xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0" IssueInstant="2026-01-01T00:00:00Z">'
            '<a:Issuer xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion">https://sp.test/saml/metadata</a:Issuer>'
            "<p:Artifact>AAQAAA==</p:Artifact></p:ArtifactResolve></s:Body></s:Envelope>")
    context = ssl.create_default_context(cafile=house.folder / "ca.crt")
    context.load_cert_chain(house.folder / "tls.crt", house.folder / "tls.key")
    to = re.search(r'https://[^"]*/soap', (house.folder / "idp" / "digid.xml").read_text())[0]
    tls, plain = urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
    try:
        with urllib.request.build_opener(tls, plain).open(to, body.encode(), timeout=30) as answer:
            status = answer.status
    except urllib.error.HTTPError as other:
        status = other.code
        other.close()
    expect(status == 404, "lasso refuses an ArtifactResolve without a signature", status)


def strangers(house):
    """With a certificate that the back channel does not know there is no login."""
    browser = Browser()
    page, _ = at_digid(house, browser)
    page = browser.submit(page, "digid", {"bsn": BSN, "level": "Midden"})
    expect(page[0] == 502, "without the registered client certificate there is no login", page[:2])


def drive(program, folder):
    house = House(program, folder)
    try:
        house.set_up()
        server = house.serve()
        sub = first_login(house, Browser())
        what_follows(house, sub)
        logouts(house)
        signatures(house, sub)
        spoils(house, first_login(house, Browser(), ATTACKER, "bakker@voorbeeld.nl"))
        unsigned(house)
        house.stop(server)
        house.configure("tls", "post")
        server = house.serve()
        by_post(house, sub)
        house.stop(server)
        house.configure("stranger")
        house.serve()
        strangers(house)
    except BaseException:
        for log in ("namens.log", "idp.log"):
            if (folder / log).exists():
                print((folder / log).read_text(), file=sys.stderr)
        raise
    finally:
        for child in list(house.children):
            house.stop(child)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program = str(pathlib.Path(sys.argv[1]).resolve())
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(PATIENCE)
    try:
        if len(sys.argv) == 3:
            folder = pathlib.Path(sys.argv[2]).resolve()
            folder.mkdir(parents=True)
            drive(program, folder)
        else:
            with tempfile.TemporaryDirectory() as folder:
                drive(program, pathlib.Path(folder))
    except Failed as failed:
        sys.exit(f"FAILED at {failed}")
    print("a whole DigiD login went through lasso")


if __name__ == "__main__":
    main()
