"""What an attacker makes of what lasso says as DigiD, signed by xmlsec1: none opens or ends a session, and each has a twin that does."""

import re

from house import ATTACKER, BSN, Browser, at_digid, expect, inside, redeem

# What the log says of each trick of tricks.py, so that none is refused for something else. The first three are none.
TRICKS = {
    "signed-anew": "",
    "with-white-space": "",
    "under-no-known-name": "",
    "hmac-of-pem": "signature algorithm not allowed",
    "hmac-of-der": "signature algorithm not allowed",
    "own-key": "invalid signature",
    "own-key-under-no-known-name": "invalid signature",
    "own-certificate": "invalid signature",
    "own-key-value": "key information of another shape",
    "under-digids-certificate": "invalid signature",
    "another-certificate": "invalid signature",
}
# The same of each of spoils.py, of which every signature holds.
SPOILS = {
    "sha1": "signature algorithm not allowed",
    "sha1-digest": "digest algorithm not allowed",
    "md5": "signature algorithm not allowed",
    "xslt-transform": "transform not allowed",
    "xpath-transform": "transform not allowed",
    "base64-transform": "transform not allowed",
    "commented-c14n": "transform not allowed",
    "two-references": "not exactly one reference",
    "empty-reference": "a signature over something else than its parent",
    "external-reference": "a signature over something else than its parent",
    "void-canonical": "relative namespace name",
    "xsw1": "a signature of another shape",
    "xsw2": "a signature over something else than its parent",
    "xsw3": "several Assertions",
    "xsw4": "the Assertion is not signed",
    "xsw5": "several Assertions",
    "xsw6": "a signature of another shape",
    "xsw7": "a misplaced Assertion",
    "xsw8": "a signature of another shape",
    "two-assertions": "several Assertions",
}
# Those that a request to log somebody out knows: all of what is not in an Assertion.
OF_REQUESTS = list(SPOILS)[:13]


def lassos(house):
    """The address of lasso's front channel."""
    return re.search(r'"(http://[^"]*)/slo"', (house.folder / "idp" / "digid.xml").read_text())[1]


def signatures(house, sub):
    """An attacker has signed what comes from lasso, each time in another way; and the twin, signed by xmlsec1 as well."""
    idp = lassos(house)
    order = {"name": f"s00000000:{BSN}"}
    for trick, reason in TRICKS.items():
        browser, logged = Browser(), len(house.log())
        page, verifier = at_digid(house, browser)
        page = browser.submit(page, "digid", {"bsn": BSN, "level": "Midden", "trick": trick})
        if not reason:
            expect(redeem(house, page, verifier)["sub"] == sub, f"an answer, {trick} by xmlsec1, is accepted", page)
        else:
            said = house.log()[logged:]
            right = page[0] == 502 and not inside(house, browser) and reason in said
            expect(right, f"an answer, {trick}, opens nothing", (page[:2], said))
            expect(house.audit()[-1] == "login.digid digid_hostile", "and has its line", house.audit())
        browser = Browser()
        page, _ = at_digid(house, browser)
        browser.submit(page, "digid", {"bsn": BSN, "level": "Midden"})
        expect(inside(house, browser), "there is a session", page[:2])
        logged = len(house.log())
        told = Browser().go(f"{idp}/logout", order | {"trick": trick})
        if not reason:
            expect(told[2].endswith(":Success"), f"a LogoutRequest, {trick} by xmlsec1, is carried out", told)
            expect(not inside(house, browser), "and ends the session", told)
        else:
            said = house.log()[logged:]
            right = told[0] == 404 and inside(house, browser) and reason in said
            expect(right, f"a LogoutRequest, {trick}, ends nothing", (told, said))
            expect(house.audit()[-1] == "logout.digid digid_hostile", "and has its line", house.audit())


def told(house):
    """What the program has said, and lasso."""
    return house.log(), (house.folder / "idp.log").read_text()


def refused(house, before, trick, line):
    """It was made, held for a naive verifier, and was refused for its own reason."""
    said, made = (now[len(then):] for then, now in zip(before, told(house), strict=True))
    expect(f"{trick}: naively accepted" in made, f"{trick}: a naive verifier accepts it", made)
    expect(SPOILS[trick] in said, f"{trick}: refused for {SPOILS[trick]}", said)
    expect(house.audit()[-1] == line, "and has its line", house.audit())


def spoils(house, sub):
    """What xmlsec1 signs with DigiD's own key. The twin is what lasso said, untouched; the victim is logged in all the while."""
    idp, order, victim = lassos(house), {"name": f"s00000000:{ATTACKER}"}, Browser()
    victim.submit(at_digid(house, victim)[0], "digid", {"bsn": BSN, "level": "Midden"})
    for trick in SPOILS:
        twin = Browser()
        page, verifier = at_digid(house, twin)
        page = twin.submit(page, "digid", {"bsn": ATTACKER, "level": "Midden"})
        expect(redeem(house, page, verifier)["sub"] == sub, f"the twin of {trick} is accepted", page)
        if trick in OF_REQUESTS:
            before = told(house)
            status = Browser().go(f"{idp}/logout", order | {"trick": trick})[0]
            both = inside(house, victim) and inside(house, twin)
            expect(status == 404 and both, f"a LogoutRequest, {trick}, ends nothing", (status, house.log()[len(before[0]):]))
            refused(house, before, trick, "logout.digid digid_hostile")
            done = Browser().go(f"{idp}/logout", order)
            right = done[2].endswith(":Success") and not inside(house, twin) and inside(house, victim)
            expect(right, "its twin ends the session that it names, and no other", done)
        browser = Browser()
        page, _ = at_digid(house, browser)
        before = told(house)
        page = browser.submit(page, "digid", {"bsn": ATTACKER, "level": "Midden", "trick": trick})
        right = page[0] == 502 and not inside(house, browser)
        expect(right, f"an answer, {trick}, opens nothing", (page[:2], house.log()[len(before[0]):]))
        refused(house, before, trick, "login.digid digid_hostile")
