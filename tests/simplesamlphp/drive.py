#!/usr/bin/python3
"""Drives a whole DigiD login of a `namens` binary against SimpleSAMLphp, and says how it went.

Usage: drive.py NAMENS SIMPLESAMLPHP [FOLDER]

SIMPLESAMLPHP is the folder of the program, as Debian's package has it (`www`, `vendor` and so on below it). It runs in PHP's own
web server on a loopback address; before it stands a small TLS server that lets nobody to the back channel without a certificate
of the authority. The house, its keys and its browser are those of tests/lasso/house.py.
Needs php, with its modules for XML and SQLite, and openssl.
"""

import http.client
import http.cookiejar
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lasso"))
from house import BSN, HOOG, MIDDEN, Browser, Failed, House, Stay, authorization, expect, inside, keys, redeem, too_late  # noqa: E402

ENTITY_ID = "https://digid.simplesamlphp.test/saml/idp/metadata"
SOAP = "/saml2/idp/ArtifactResolutionService.php"
# What is replaced in the back channel's answers, and by what.
NO_CHANGE = b"-", b"-"
PATIENCE = 900
MAX_BODY = 1 << 20


class Front(BaseHTTPRequestHandler):
    """TLS before PHP. Only the back channel wants a certificate."""

    timeout = 30

    def log_message(self, *_):
        pass

    def pass_on(self):
        if self.path == SOAP and not self.connection.getpeercert():
            return self.reply(403, [], b"")
        if self.path.startswith("/saml2/idp/SSOService.php?"):
            self.server.asked = self.path
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), MAX_BODY))
        php = http.client.HTTPConnection(*self.server.php, timeout=60)
        try:
            php.request(self.command, self.path, body, dict(self.headers))
            answer = php.getresponse()
            content = answer.read(MAX_BODY)
        finally:
            php.close()
        if self.path == SOAP:
            content = content.replace(*self.server.change)
        self.reply(answer.status, answer.getheaders(), content)

    def reply(self, status, headers, content):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "host", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = pass_on


class Tls(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(Front.timeout)
        # Hands are shaken on the first read, in the thread of that connection.
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_):
        print("refused TLS", sys.exc_info()[1], file=sys.stderr, flush=True)


class Installation(House):
    """An installation of Namens whose DigiD is SimpleSAMLphp."""

    def __init__(self, program, simplesamlphp, folder):
        super().__init__(program, folder)
        self.simplesamlphp = simplesamlphp
        self.front = Tls(("127.0.0.1", 0), Front)
        self.front.php = self.listen.split(":")[0].replace("127.251.", "127.252."), 8081
        self.front.asked, self.front.change = "", NO_CHANGE
        self.base = f"https://127.0.0.1:{self.front.server_port}"

    def configure(self, tls):
        super().configure(tls)
        text = self.config.read_text()
        self.config.write_text(re.sub(r'metadata_entity_id = "[^"]*"', f'metadata_entity_id = "{ENTITY_ID}"', text))

    def set_up(self):
        made = [self.program, "init", "--issuer", self.issuer, "--folder", self.folder]
        done = subprocess.run(made, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, "namens init", done.stderr)
        keys(self.folder)
        self.front.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.folder / "ca.crt")
        self.front.context.verify_mode = ssl.CERT_OPTIONAL
        self.front.context.load_cert_chain(self.folder / "idp/tls.crt", self.folder / "idp/tls.key")
        threading.Thread(target=self.front.serve_forever, daemon=True).start()
        self.php()
        browser = self.browser()
        status, _, metadata = browser.go(f"{self.base}/saml2/idp/metadata.php")
        expect(status == 200 and ENTITY_ID in metadata, "SimpleSAMLphp tells its metadata", metadata)
        (self.folder / "idp/digid.xml").write_text(metadata)
        self.configure("tls")
        (self.folder / "idp/sp.xml").write_text(self.run("digid", "metadata"))

    def php(self):
        """Starts PHP, and waits until it takes connections."""
        host, port = self.front.php
        environment = os.environ | {
            "SIMPLESAMLPHP_CONFIG_DIR": str(HERE / "config"), "DRIVE_FOLDER": str(self.folder), "DRIVE_BASE": self.base}
        # What is deprecated in the language since that version must not be printed into an answer.
        quiet = ["-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_reporting=0"]
        with open(self.folder / "php.log", "ab") as log:
            command = ["php", *quiet, "-S", f"{host}:{port}", "-t", self.simplesamlphp / "www"]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, env=environment)
        self.children.append(child)
        while True:
            if child.poll() is not None:
                raise Failed(f"php ended: {(self.folder / 'php.log').read_text()}")
            connection = http.client.HTTPConnection(host, port, timeout=5)
            try:
                return connection.connect()
            except OSError:
                time.sleep(0.05)
            finally:
                connection.close()

    def browser(self):
        browser = Browser()
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.folder / "ca.crt"))
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser.opener = urllib.request.build_opener(Stay, jar, tls, urllib.request.ProxyHandler({}))
        return browser


def at_digid(house, browser, **more):
    """As far as SimpleSAMLphp's login page."""
    url, verifier = authorization(house, **more)
    return browser.submit(browser.go(url), "digid-form", {}), verifier


def log_in(page, browser, level):
    """Fills in SimpleSAMLphp's own login page."""
    _, url, body = page
    state = re.search(r'name="AuthState" value="([^"]*)"', body)
    if not state:
        raise Failed(f"there is no login page: {page}")
    form = {"username": level, "password": "x", "AuthState": state[1].replace("&amp;", "&")}
    return browser.go(url.partition("?")[0], form)


def first_login(house):
    browser = house.browser()
    page, verifier = at_digid(house, browser)
    page = log_in(page, browser, "Midden")
    expect('id="question-form"' in page[2], "the question page after a first login", page)
    page = browser.submit(page, "question-form", {"answer": "new"})
    page = browser.submit(page, "register-form", {"email": "jansen@voorbeeld.nl", "password": ""})
    page = browser.submit(page, "code-form", {"code": house.mailed_code(0)})
    claims = redeem(house, page, verifier)
    expect(claims["acr"] == MIDDEN and BSN not in str(claims), "the ID token is at Midden, without a BSN", claims)
    return claims["sub"]


def what_follows(house, sub):
    browser = house.browser()
    page, verifier = at_digid(house, browser, acr_values=HOOG)
    claims = redeem(house, log_in(page, browser, "Hoog"), verifier)
    expect((claims["sub"], claims["acr"]) == (sub, HOOG), "the same person at Hoog, without a question", claims)

    for level, error, more, seen in (
        ("Midden", "NoAuthnContext", {"acr_values": HOOG}, (403, False)),
        # Who cancelled may try again.
        ("Cancel", "AuthnFailed", {}, (200, True)),
    ):
        browser = house.browser()
        page = log_in(at_digid(house, browser, **more)[0], browser, level)
        expect((page[0], 'id="digid-form"' in page[2]) == seen, f"{error} has its page", page)
        expect(f"Responder/{error}" in (house.folder / "idp/simplesamlphp.log").read_text(), "SimpleSAMLphp said so")
        expect(not inside(house, browser), "and there is no session")


def what_is_refused(house):
    browser = house.browser()
    at_digid(house, browser)
    seen = house.browser().go(house.base + house.front.asked.replace("Signature=", "Signature=AAAA"))
    said = "Unable to validate signature on query string" in seen[2]
    expect(said and "AuthState" not in seen[2], "SimpleSAMLphp refuses a request with a broken signature", seen)

    # The twin changes what is not signed: white space in a tag.
    for change, good in (((b"Version=", b" Version="), True), ((b":999990019<", b":111222333<"), False)):
        browser, house.front.change = house.browser(), change
        page = log_in(at_digid(house, browser)[0], browser, "Midden")
        right = page[0] == (303 if good else 502) and inside(house, browser) == good
        expect(right, f"an answer that was changed on the way is {'good' if good else 'refused'}: {change}", page)
    house.front.change = NO_CHANGE


def logout(house):
    browser = house.browser()
    log_in(at_digid(house, browser)[0], browser, "Midden")
    expect(inside(house, browser), "there is a session")
    page = browser.submit(browser.go(f"{house.issuer}/logout"), "logout-form", {})
    expect('id="digid-logout-form"' in page[2] and not inside(house, browser), "out here, and on the way to DigiD", page)
    page = browser.submit(page, "digid-logout-form", {})
    expect(page[0] == 200 and "U bent uitgelogd." in page[2], "SimpleSAMLphp takes our LogoutRequest, and we its answer", page)


def strangers(house):
    browser = house.browser()
    page = log_in(at_digid(house, browser)[0], browser, "Midden")
    expect(page[0] == 502, "without the registered client certificate there is no login", page[:2])


def drive(program, simplesamlphp, folder):
    house = Installation(program, simplesamlphp, folder)
    try:
        house.set_up()
        server = house.serve()
        sub = first_login(house)
        what_follows(house, sub)
        what_is_refused(house)
        logout(house)
        house.stop(server)
        house.configure("stranger")
        house.serve()
        strangers(house)
    except BaseException:
        for log in ("namens.log", "php.log", "idp/simplesamlphp.log"):
            if (folder / log).exists():
                print((folder / log).read_text()[-8000:], file=sys.stderr)
        raise
    finally:
        for child in list(house.children):
            house.stop(child)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, simplesamlphp = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(PATIENCE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            drive(program, simplesamlphp, pathlib.Path(folder))
    except Failed as failed:
        sys.exit(f"FAILED at {failed}")
    print("a whole DigiD login went through SimpleSAMLphp")


if __name__ == "__main__":
    main()
