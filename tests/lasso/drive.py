#!/usr/bin/python3
"""Drives a whole DigiD login of a `namens` binary against lasso, and says how it went.

Usage: drive.py NAMENS [FOLDER]

Makes keys and a configuration in FOLDER (a temporary one without it), starts idp.py beside this file and `namens serve`,
logs in as a browser would: a new account after the question page, once more with the same `sub`, by a posted request too, and
what must fail, among it whatever an attacker signs with xmlsec1 (tricks.py); and logs out, from here and from there.
Needs openssl, xmlsec1 and python3-lasso. Exits 0 when all went as docs/requirements.md says; otherwise names the step.
"""

import base64
import contextlib
import hashlib
import http.cookiejar
import json
import os
import pathlib
import re
import secrets
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from email import message_from_bytes, policy

PATIENCE = 900
HERE = pathlib.Path(__file__).resolve().parent
CALLBACK = "http://127.0.0.1:9/callback"
SECRET = "a secret of the portal, for tests only"
BSN = "999990019"
MIDDEN = "http://eidas.europa.eu/LoA/low"
HOOG = "http://eidas.europa.eu/LoA/high"
CONFIG = """issuer = "{issuer}"
listen = "{listen}"
database = "namens.db"
master_key = {{ file = "keys/master.key" }}
[mail]
from = "Namens <noreply@namens.test>"
folder = "mail"
[digid]
entity_id = "https://sp.test/saml/metadata"
metadata = "idp/digid.xml"
metadata_certificate = "idp/idp.crt"
metadata_entity_id = "https://digid.lasso.test/saml/idp/metadata"
signing_key = "sp.key"
signing_certificate = "sp.crt"
tls_key = "{tls}.key"
tls_certificate = "{tls}.crt"
binding = "{binding}"
ca = "ca.crt"
single_logout = true
[[client]]
id = "portal"
name = "Huisarts De Linde"
redirect_uris = ["{callback}"]
policy = "basic"
auth = "client_secret_basic"
secret = {{ file = "portal.secret" }}
scopes = ["openid", "email", "act_as"]
"""


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


class Failed(Exception):
    """A step that went otherwise than it must."""


def expect(right, step, seen=""):
    if not right:
        raise Failed(f"{step}: {seen}")
    print("ok", step, flush=True)


def openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failed(f"openssl {arguments[0]}: {done.stderr}")


def keys(folder):
    """A CA, the certificates of both ends of the back channel, a stranger's, and both ends' SAML keys."""
    idp = folder / "idp"
    idp.mkdir()
    new = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout"]
    for name in ("ca", "stranger", "sp", "idp/idp"):
        openssl(folder, *new, f"{name}.key", "-x509", "-days", "2", "-subj", f"/CN={name[:3]}", "-out", f"{name}.crt")
    for name, uses in (("tls", "clientAuth"), ("idp/tls", "serverAuth")):
        (folder / "extensions").write_text(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={uses}\n")
        openssl(folder, *new, f"{name}.key", "-subj", "/CN=tls", "-out", "request.csr")
        openssl(folder, "x509", "-req", "-in", "request.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "extensions", "-out", f"{name}.crt")
    (idp / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
    secret = folder / "portal.secret"
    secret.write_text(SECRET)
    for file in [secret, *folder.glob("*.key")]:
        file.chmod(0o600)


class House:
    """An installation, its server and its DigiD."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        pid = os.getpid()
        # A loopback address of its own: its port cannot be taken.
        self.listen = f"127.251.{pid >> 8 & 255}.{pid & 255 or 255}:8080"
        self.issuer = f"http://{self.listen}"
        self.config = folder / "namens.toml"
        self.children = []

    def run(self, *arguments):
        command = [self.program, "--config", self.config, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Failed(f"namens {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start(self, command, log):
        """Starts a program and waits for its first line."""
        with open(self.folder / log, "ab") as errors:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True)
        self.children.append(child)
        line = child.stdout.readline()
        if not line:
            raise Failed(f"{log}: {(self.folder / log).read_text()}")
        return child, line

    def configure(self, tls, binding="redirect"):
        text = CONFIG.format(issuer=self.issuer, listen=self.listen, callback=CALLBACK, tls=tls, binding=binding)
        self.config.write_text(text)

    def set_up(self):
        made = [self.program, "init", "--issuer", self.issuer, "--folder", self.folder]
        done = subprocess.run(made, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, "namens init", done.stderr)
        keys(self.folder)
        _, line = self.start(["/usr/bin/python3", HERE / "idp.py", self.folder / "idp"], "idp.log")
        expect(line.startswith("ready"), "lasso is ready", line)
        self.configure("tls")
        (self.folder / "idp" / "sp.xml").write_text(self.run("digid", "metadata"))

    def serve(self):
        child, line = self.start([self.program, "--config", self.config, "serve"], "namens.log")
        expect("listens on" in line, "namens serves", line)
        return child

    def stop(self, child):
        self.children.remove(child)
        child.kill()
        child.wait(10)
        child.stdout.close()

    def log(self):
        return (self.folder / "namens.log").read_text()

    def audit(self):
        """The audit log, oldest first."""
        with contextlib.closing(sqlite3.connect(self.folder / "namens.db", timeout=60)) as database:
            return [f"{event} {outcome}" for event, outcome in
                    database.execute("SELECT event, outcome FROM audit ORDER BY seq")]

    def mailed_code(self, known):
        """The code in the newest mail; waits until there are more than `known`."""
        for _ in range(1200):
            mails = sorted((self.folder / "mail").glob("*.eml"))
            if len(mails) > known:
                text = message_from_bytes(mails[-1].read_bytes(), policy=policy.default).get_body().get_content()
                return re.search(r"code is ([^.]+)\.", text).group(1).replace(" ", "")
            time.sleep(0.05)
        raise Failed("no mail with a code came")


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Keeps cookies and takes one hop at a time."""

    def __init__(self):
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(Stay, jar, urllib.request.ProxyHandler({}))
        self.opener.addheaders = [("Accept", "text/html")]

    def go(self, url, form=None):
        """Status, address and body, after every redirect but one to the portal, whose address it gives."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        for _ in range(10):
            try:
                answer = self.opener.open(url, data, timeout=30)
            except urllib.error.HTTPError as other:
                answer = other
            with answer:
                status, body = answer.status, answer.read(1 << 20).decode()
                to = answer.headers.get("Location")
            if not to:
                return status, url, body
            url, data = urllib.parse.urljoin(url, to), None
            if url.startswith(CALLBACK):
                return status, url, ""
        raise Failed(f"one redirect after another: {url}")

    def submit(self, page, form, typed):
        """Fills in and sends the form of that id."""
        _, url, body = page
        found = re.search(rf'<form[^>]*id="{form}".*?</form>', body, re.S)
        if not found:
            raise Failed(f"there is no form {form}: {page}")
        action = re.search(r'action="([^"]*)"', found[0])[1]
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', found[0])
        return self.go(urllib.parse.urljoin(url, action), dict(hidden) | typed)


def authorization(house, **more):
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": "portal", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid email act_as",
        "nonce": "n-0S6_WzA2Mj", "state": "af0ifjsldkj", "code_challenge_method": "S256",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), **more,
    }
    return f"{house.issuer}/authorize?{urllib.parse.urlencode(query)}", verifier


def at_digid(house, browser, **more):
    """As far as DigiD's own page."""
    url, verifier = authorization(house, **more)
    page = browser.submit(browser.go(url), "digid-form", {})
    if 'name="SAMLRequest"' in page[2]:
        page = browser.submit(page, "digid-form", {})
    return page, verifier


def redeem(house, page, verifier):
    """The claims of the ID token that the portal gets for the code."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page[1]).query))
    expect("code" in query, "the portal gets a code", page[:2])
    form = {"grant_type": "authorization_code", "code": query["code"], "redirect_uri": CALLBACK, "code_verifier": verifier}
    basic = base64.b64encode(f"portal:{urllib.parse.quote_plus(SECRET)}".encode()).decode()
    request = urllib.request.Request(f"{house.issuer}/token", urllib.parse.urlencode(form).encode(),
                                     {"Authorization": f"Basic {basic}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        token = json.load(answer)["id_token"]
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))


def first_login(house, browser):
    page, verifier = at_digid(house, browser)
    expect("MobileTwoFactorContract" in page[2], "lasso accepts the signed request, which asks for Midden", page[2])
    page = browser.submit(page, "digid", {"bsn": BSN, "level": "Midden"})
    expect('id="question-form"' in page[2], "the question page after a first login", page)
    page = browser.submit(page, "question-form", {"answer": "new"})
    page = browser.submit(page, "register-form", {"email": "jansen@voorbeeld.nl", "password": ""})
    page = browser.submit(page, "code-form", {"code": house.mailed_code(0)})
    claims = redeem(house, page, verifier)
    expect(claims["acr"] == MIDDEN, "the ID token is at Midden", claims)
    expect(claims["act_as"] == [] and claims["nonce"] == "n-0S6_WzA2Mj", "act_as and nonce are in it", claims)
    expect(BSN not in json.dumps(claims), "no BSN is in it", claims)
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


def inside(house, browser):
    """Whether the browser has a session: a portal that asks without a page gets a code."""
    return "code=" in browser.go(authorization(house, prompt="none")[0])[1]


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


def attacks(house, sub):
    """An attacker has signed what comes from lasso, each time in another way; and the twin, signed by xmlsec1 as well."""
    idp = re.search(r'"(http://[^"]*)/slo"', (house.folder / "idp" / "digid.xml").read_text())[1]
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
        attacks(house, sub)
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


def too_late(*_):
    raise Failed(f"the whole: not done within {PATIENCE} seconds")


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
