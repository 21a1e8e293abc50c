#!/usr/bin/python3
"""Lets portals that nobody here wrote log in at a `namens` binary, and says how it went.

Usage: drive.py NAMENS OPENID_CLIENT [FOLDER]

The portals are mod_auth_openidc in Apache, openid-client for Node.js under the policies `basic` and `fapi2` and as a client that
registers itself, and Authlib. Each logs somebody in with e-mail, password and code, refuses what was altered on its way, refreshes,
reads UserInfo and logs out; Apache also hears, by back-channel logout, that its session has ended, and the one that registered itself
reads its registration and removes it. OPENID_CLIENT is the module's file. Authlib is that of the Python which runs this. The house and its browser
are those of tests/lasso/house.py.
"""

import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lasso"))
from house import CALLBACK, Browser, Failed, House, expect, too_late  # noqa: E402

PATIENCE = 900
MODULES = "/usr/lib/apache2/modules"
EMAIL, PASSWORD = "jansen@voorbeeld.nl", "een fiets op de dijk"
OUT = f"{CALLBACK}/out"
CONFIG = """issuer = "{issuer}"
listen = "{listen}"
database = "namens.db"
master_key = {{ file = "keys/master.key" }}
registration = true
[mail]
from = "Namens <noreply@namens.test>"
folder = "mail"
[outbound]
private_addresses = ["{apache_ip}"]
"""
CLIENT = """[[client]]
id = "{id}"
name = "{id}"
redirect_uris = ["{redirect_uri}"]
post_logout_redirect_uris = ["{out}"]
scopes = ["openid", "email", "act_as"]
"""
WITH_SECRET = """policy = "basic"
auth = "client_secret_basic"
secret = {{ file = "portal.secret" }}
"""
WITH_KEYS = """policy = "{policy}"
auth = "private_key_jwt"
jwks = "{id}.jwks"
id_token_alg = "{alg}"
"""


class Portals(House):
    """An installation of Namens, and the portals that delegate to it."""

    def __init__(self, program, folder):
        super().__init__(program, folder)
        self.apache = self.listen.replace("127.251.", "127.253.")
        # The client's secret has characters that must be form-encoded (RFC 6749 section 2.3.1).
        self.secret = f"{secrets.token_urlsafe(24)}+/:% é"
        self.parts = []
        self.mails = 0

    def set_up(self):
        made = [self.program, "init", "--issuer", self.issuer, "--folder", self.folder]
        done = subprocess.run(made, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, "namens init", done.stderr)
        secret = self.folder / "portal.secret"
        secret.write_text(self.secret)
        secret.chmod(0o600)

    def client(self, name, shape, redirect_uri=CALLBACK, out=OUT, **more):
        self.parts.append(CLIENT.format(id=name, redirect_uri=redirect_uri, out=out) + shape.format(id=name, **more))

    def write(self):
        head = CONFIG.format(issuer=self.issuer, listen=self.listen, apache_ip=self.apache.split(":")[0])
        self.config.write_text(head + "".join(self.parts))

    def account(self, url):
        """Makes an account at the page of a portal's login; the browser comes back to the portal."""
        browser = Browser()
        page = browser.go(url)
        page = browser.submit(browser.go(page[1] + "/register"), "register-form", {"email": EMAIL, "password": PASSWORD})
        return self.code(browser, page)

    def log_in(self, browser, url):
        """Logs in with e-mail, password and code; gives the page of the portal."""
        page = browser.go(url)
        page = browser.submit(browser.go(page[1] + "/email"), "email-form", {"email": EMAIL, "password": PASSWORD})
        return self.code(browser, page)

    def code(self, browser, page):
        code = self.mailed_code(self.mails)
        self.mails = len(list((self.folder / "mail").glob("*.eml")))
        return browser.submit(page, "code-form", {"code": code})


class Library:
    """A portal in a process of its own, with which one talks in lines of JSON."""

    def __init__(self, house, name, command):
        self.name = name
        environment = os.environ | {"NO_PROXY": "*", "AUTHLIB_INSECURE_TRANSPORT": "1"}
        with open(house.folder / f"{name}.log", "ab") as errors:
            self.child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        house.children.append(self.child)
        self.jwks = self.hear().get("jwks")
        if self.jwks:
            (house.folder / f"{name}.jwks").write_text(json.dumps(self.jwks))

    def hear(self):
        line = self.child.stdout.readline()
        if not line:
            raise Failed(f"{self.name} ended")
        return json.loads(line)

    def say(self, **what):
        self.child.stdin.write(json.dumps(what) + "\n")
        self.child.stdin.flush()


def altered(url, name):
    """The address with another value of a parameter, as somebody on the way would write it."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    query[name] = query[name][:-1] + ("A" if query[name][-1] != "A" else "B")
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))


def whole_login(house, portal, token_type, rotates, checks=("state", "iss"), **more):
    """Login, UserInfo, refresh, sign-out: all that a portal does. It refuses an answer in which one of `checks` was altered."""
    name, browser = portal.name, Browser()
    portal.say(issuer=house.issuer, client_id=name, redirect_uri=CALLBACK, post_logout_redirect_uri=OUT, secret=house.secret, **more)
    began = portal.hear()
    own = began.get("client_id", name)
    page = house.log_in(browser, began["go"])
    expect(page[1].startswith(CALLBACK) and "code=" in page[1], f"{name}: a login ends at the portal", page[:2])
    for check in checks:
        portal.say(altered=altered(page[1], check))
        refused = portal.hear()["refused"]
        expect(refused, f"{name}: refuses an answer with another {check}", refused)
    portal.say(came=page[1])
    seen = portal.hear()
    claims = seen["claims"]
    right = claims["act_as"] == [] and claims["acr"] == "urn:namens:acr:local" and claims["aud"] in (own, [own])
    expect(right, f"{name}: takes the ID token, as long as nobody is represented with an empty act_as", claims)
    for user in (seen["user"], seen["again"]):
        expect((user["sub"], user["email"]) == (claims["sub"], EMAIL), f"{name}: reads UserInfo", user)
    got = seen["token_type"].lower(), seen["renewed"], seen["rotated"]
    expect(got == (token_type, True, rotates), f"{name}: has {token_type} tokens and refreshes them", got)
    portal.say()
    page = browser.go(portal.hear()["go"])
    expect(page[1] == f"{OUT}?state=bye", f"{name}: signs out and gets its user back", page[:2])
    portal.say(came=page[1])
    after = portal.hear()["after"]
    expect(after == "invalid_grant", f"{name}: cannot refresh any more", after)
    return own


def registered(house, portal, token_type, rotates):
    """The same of a portal that registers itself with an initial access token, reads what it registered, and goes."""
    invited = house.run("clients", "--json", "invite", "Partner", "--by", "els", "--policy", "basic", "--own", "--scope", "email", "--scope", "act_as")
    own = whole_login(house, portal, token_type, rotates, invitation=json.loads(invited)["initial_access_token"])
    seen = portal.hear()
    expect(own != portal.name and seen["read"]["client_id"] == own, f"{portal.name}: registers itself and reads that", seen)
    expect((seen["removed"], seen["gone"]) == (204, 401), f"{portal.name}: removes its registration", seen)


def serve_apache(house):
    """Apache with mod_auth_openidc, and what it protects: a page that tells what it knows."""
    www = house.folder / "www"
    for folder in (www, www / "inside", house.folder / "run"):
        folder.mkdir()
    # Where root starts it, it works as somebody else.
    house.folder.chmod(0o711)
    (house.folder / "run").chmod(0o777)
    echo = '<!--#echo encoding="none" var="{}" -->'
    names = ("OIDC_userinfo_json", "OIDC_CLAIM_sub", "OIDC_CLAIM_acr", "OIDC_access_token")
    (www / "inside/index.html").write_text("\n".join(f"{name}={echo.format(name)}" for name in names))
    (www / "out.html").write_text("out")
    text = (HERE / "apache.conf").read_text()
    for name, value in {
        "folder": house.folder, "listen": house.apache, "modules": MODULES, "issuer": house.issuer, "client_id": "apache",
        "secret": house.secret.replace('"', '\\"'), "passphrase": secrets.token_hex(16)}.items():
        text = text.replace(f"{{{name}}}", str(value))
    (house.folder / "apache.conf").write_text(text)
    log = open(house.folder / "apache-start.log", "ab")
    command = ["/usr/sbin/apache2", "-f", house.folder / "apache.conf", "-D", "FOREGROUND"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True)
    house.children.append(child)
    for _ in range(1200):
        if child.poll() is not None:
            raise Failed(f"Apache ended: {(house.folder / 'apache-start.log').read_text()}")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{house.apache}/out.html", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise Failed("Apache does not answer")


def known(page):
    """What the page inside tells, by name."""
    return dict(re.findall(r"^(OIDC_\w+)=(.*)$", page[2], re.M))


def apache(house):
    browser, inside = Browser(), f"http://{house.apache}/inside/"
    page = house.log_in(browser, inside)
    seen = known(page)
    user = json.loads(seen.get("OIDC_userinfo_json") or "{}")
    right = page[1] == inside and seen["OIDC_CLAIM_acr"] == "urn:namens:acr:local"
    expect(right, "apache: lets in whoever logged in at Namens", page)
    expect((user["sub"], user["email"]) == (seen["OIDC_CLAIM_sub"], EMAIL), "apache: reads UserInfo", user)

    token = seen["OIDC_access_token"]
    page = browser.go(f"http://{house.apache}/callback?refresh={inside}&access_token={token}")
    fresh = known(page).get("OIDC_access_token")
    expect(page[1] == inside and fresh and fresh != token, "apache: refreshes", page)

    out = f"http://{house.apache}/out.html"
    page = browser.go(f"http://{house.apache}/callback?logout={out}")
    expect((page[1].partition("?")[0], page[2]) == (out, "out"), "apache: signs out, and gets its user back", page)
    page = browser.go(inside)
    expect(page[1].startswith(house.issuer), "apache: asks for a login again", page[:2])

    forged = f"http://{house.apache}/callback?code=stolen&state=forged&iss={house.issuer}"
    page = browser.go(forged)
    expect(page[0] >= 400 and not known(page), "apache: refuses an answer that it did not ask for", page)

    house.log_in(browser, inside)
    expect(known(browser.go(inside)), "apache: is inside once more")
    # The user signs out at Namens itself: Apache is told, behind the browser's back.
    page = browser.submit(browser.go(f"{house.issuer}/logout"), "logout-form", {})
    for _ in range(1200):
        page = browser.go(inside)
        if page[1].startswith(house.issuer):
            break
        time.sleep(0.05)
    expect(page[1].startswith(house.issuer), "apache: hears of a session that ended, by back-channel logout", page)
    audit = house.audit()
    expect("logout.notice ok" in audit, "and the audit log says so", audit)


def drive(program, openid_client, folder):
    house = Portals(program, folder)
    node = ["node", HERE / "relying_party.mjs"]
    os.environ["OPENID_CLIENT"] = openid_client.as_uri()
    try:
        house.set_up()
        basic = Library(house, "openid-client", [*node, "basic"])
        fapi = Library(house, "openid-client-fapi2", [*node, "fapi2"])
        dynamic = Library(house, "openid-client-dynamic", [*node, "dynamic"])
        authlib = Library(house, "authlib", [sys.executable, HERE / "relying_party.py"])
        house.client("openid-client", WITH_SECRET)
        house.client("openid-client-fapi2", WITH_KEYS, policy="fapi2", alg="PS256")
        house.client("authlib", WITH_KEYS, policy="nlgov", alg="RS256")
        at_apache = f"http://{house.apache}/callback"
        back_channel = f'backchannel_logout_uri = "{at_apache}?logout=backchannel"\n'
        house.client("apache", WITH_SECRET + back_channel, at_apache, f"http://{house.apache}/out.html")
        house.write()
        house.serve()
        serve_apache(house)
        query = f"client_id=openid-client&redirect_uri={CALLBACK}&response_type=code&scope=openid"
        page = house.account(f"{house.issuer}/authorize?{query}")
        expect("code=" in page[1], "somebody makes an account", page)
        whole_login(house, basic, "bearer", True)
        whole_login(house, fapi, "dpop", False)
        registered(house, dynamic, "bearer", True)
        # It does not know `iss` (RFC 9207).
        whole_login(house, authlib, "bearer", False, ("state",))
        apache(house)
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"-- {log.name}\n{log.read_text()[-6000:]}", file=sys.stderr)
        raise
    finally:
        for child in list(house.children):
            # Apache's own children go when it is asked to end.
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            child.stdout.close()


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, openid_client = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(PATIENCE)
    try:
        # Whom Apache works as must reach it, whatever TMPDIR is.
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            drive(str(program), openid_client, pathlib.Path(folder))
    except Failed as failed:
        sys.exit(f"FAILED at {failed}")
    print("Apache, openid-client and Authlib log in, refuse what was altered, refresh, read UserInfo and log out")


if __name__ == "__main__":
    main()
