"""The house whose DigiD is lasso, the browser that goes there, and the steps that every drive takes."""

import base64
import contextlib
import hashlib
import http.cookiejar
import json
import os
import pathlib
import re
import secrets
import sqlite3
import subprocess
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
# With a DigiD and an account of their own.
ATTACKER = "111222333"
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

    def mails(self):
        return len(list((self.folder / "mail").glob("*.eml")))

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


def inside(house, browser):
    """Whether the browser has a session: a portal that asks without a page gets a code."""
    return "code=" in browser.go(authorization(house, prompt="none")[0])[1]


def too_late(*_):
    raise Failed(f"the whole: not done within {PATIENCE} seconds")
