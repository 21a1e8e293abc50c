#!/usr/bin/python3
"""Holds our simulated DigiD against lasso as a service provider: a SAML library that nobody here wrote.

Usage: sp.py FOLDER

FOLDER holds the keys and certificates of the simulator's `pki`. Prints "ready" and the address of its metadata, then reads the
address of the simulator's front channel from standard input, and on a second line the words of all its spoils; FOLDER/digid.xml
must hold its metadata by then. Logs in by both bindings, resolves artifacts over mutual TLS, has lasso verify every signature,
judges every spoil, and logs out both ways. Exits 0 when all went as DigiD's interface says (Logius, Koppelvlakspecificatie
3.7); otherwise names the step.

Needs openssl, xmlsec1 and python3-lasso.
"""

import base64
import json
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.dont_write_bytecode = True
from digests import BY_HAND, hold  # noqa: E402

try:
    import lasso
except ImportError:
    sys.exit("lasso is missing: install the Debian package python3-lasso, and run this with /usr/bin/python3")

PATIENCE = 900
MAX_BODY = 256 * 1024
ENTITY_ID = "https://sp.lasso.test/saml/metadata"
DIGID = "https://digid.test/saml/idp/metadata"
BSN = "111222333"
NAME = f"s00000000:{BSN}"
# Whom the simulator's forgeries name.
VICTIM = "s00000000:999990019"
RELAY_STATE = "a handle & more"
LEVELS = {
    "Midden": "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
    "Hoog": "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
}
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
# What lasso makes of each spoil. Where it finds the signatures good, the spoil is nothing but what its name says: whoever refuses
# it has not been helped by a broken signature.
SIGNED = """
    bad-elfproef bearer-ended bearer-not-yet cdata-in-nameid comment-in-nameid duplicate-id foreign-destination foreign-encoding
    half-resolved half-success keyinfo-retrieval login-not-yet namespaced-attribute namespaced-id no-artifact-in-response-to
    no-audience no-authn-statement no-bearer-end no-conditions no-in-response-to no-level no-not-on-or-after no-recipient
    no-response-in-response-to no-response-issuer non-digits other-sector pi-in-nameid replayed-assertion sha1 sha1-digest
    two-audiences two-authn-statements unknown-level wrong-artifact-in-response-to wrong-bearer-in-response-to wrong-in-response-to
    wrong-recipient xml-id xsw7
"""
# Signed as well, since the simulator forges with DigiD's key; and lasso reads the forgery. The attack is real.
DECEIVED = "two-assertions"
# Signed as well; but lasso finds the conditions not met: the time, or the audience.
CONDITIONS = "conditions-ended conditions-not-yet expired future wrong-audience"
# Lasso finds a signature missing or wrong; of three of these digests.py finds it right.
BROKEN = """
    base64-transform commented-c14n empty-reference external-reference hmac keyinfo-attacker-cert md5 two-references
    unsigned unsigned-artifact-response unsigned-assertion void-canonical wrong-key xpath-transform xslt-transform xsw1 xsw3 xsw5 xsw6
    xsw8
"""
# Refused for another reason, or no SAML at all.
REFUSED = """
    declared-id doctype doubled-attribute entity-bomb expired-artifact external-dtd external-entity foreign-source-id html http-404
    http-500 look-alike malformed-artifact no-artifact-issuer no-issuer no-status other-endpoint other-type redirect
    refused-with-response soap-fault status-failed-with-assertion trailing-garbage two-responses unclosed unknown-artifact
    wrong-artifact-issuer wrong-assertion-issuer wrong-issuer xsw2 xsw4
"""
# Made of time or size, which is not lasso's business.
LEFT_OUT = "dripping huge slow"
VERDICTS = {
    word: verdict
    for verdict, words in (
        ("signed", SIGNED), ("deceived", DECEIVED), ("conditions", CONDITIONS), ("broken", BROKEN), ("refused", REFUSED))
    for word in words.split()
}
SIGNATURE_ERRORS = lasso.ProfileCannotVerifySignatureError, lasso.DsError
METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" entityID="{entity_id}">
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference URI="#_metadata"><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
</ds:SignedInfo><ds:SignatureValue/></ds:Signature>
<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"
  protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="{here}/logout"/>
<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{here}/bye"/>
<md:AssertionConsumerService isDefault="true" index="0"
  Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact" Location="{here}/acs"/>
</md:SPSSODescriptor></md:EntityDescriptor>
"""


class Failed(Exception):
    """A step that went otherwise than it must."""


def expect(right, step, seen=""):
    if not right:
        raise Failed(f"{step}: {seen}")
    print("ok", step, flush=True)


def signed(folder, metadata):
    """The metadata as DigiD wants it: signed, here by xmlsec1."""
    command = ["xmlsec1", "--sign", "--privkey-pem", folder / "pki/sp-saml.key", "--id-attr:ID", "EntityDescriptor", "/dev/stdin"]
    done = subprocess.run(command, input=metadata, capture_output=True, text=True, timeout=60)
    if done.returncode:
        sys.exit(f"xmlsec1 cannot sign the metadata: {done.stderr}")
    return done.stdout


class Handler(BaseHTTPRequestHandler):
    """Hands out the metadata, and takes DigiD's requests to log somebody out."""

    timeout = 15

    def log_message(self, *_):
        pass

    def answer(self, status, body=""):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        self.answer(200, self.server.metadata)

    def do_POST(self):
        soap = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), MAX_BODY)).decode()
        try:
            body = self.server.sp.take_logout(soap)
        except lasso.Error as error:
            print("refused a LogoutRequest:", type(error).__name__, flush=True)
            return self.answer(404)
        self.answer(200, body)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def visit(url, form=None, tls=None):
    """Status, Location and body of one request."""
    data = urllib.parse.urlencode(form).encode() if isinstance(form, dict) else form
    handlers = [Stay, urllib.request.ProxyHandler({})] + ([urllib.request.HTTPSHandler(context=tls)] if tls else [])
    try:
        answer = urllib.request.build_opener(*handlers).open(url, data, timeout=60)
    except urllib.error.HTTPError as other:
        answer = other
    with answer:
        return answer.status, answer.headers.get("Location"), answer.read(MAX_BODY).decode()


class ServiceProvider:
    """What lasso knows and does as a service provider. One thread at a time: DigiD calls only while it is asked to."""

    def __init__(self, folder, metadata):
        self.pki = folder / "pki"
        self.session = None
        key, certificate = ((self.pki / name).read_text() for name in ("sp-saml.key", "sp-saml.crt"))
        self.server = lasso.Server.newFromBuffers(metadata, key, None, certificate)
        self.server.signatureMethod = lasso.SIGNATURE_METHOD_RSA_SHA256
        self.tls = self.context("sp-tls")

    def context(self, pair):
        """TLS that believes DigiD's authority, and shows this certificate or none."""
        context = ssl.create_default_context(cafile=self.pki / "ca.crt")
        if pair:
            context.load_cert_chain(self.pki / f"{pair}.crt", self.pki / f"{pair}.key")
        return context

    def meet(self, base, metadata):
        self.base = base
        self.server.addProviderFromBuffer(lasso.PROVIDER_ROLE_IDP, metadata)
        self.digid = self.server.providers[DIGID]

    def signed(self, message, kind):
        """Whether lasso finds the message, as it came, signed with the key of DigiD's metadata."""
        return self.digid.verifySignature(message, "ID", kind) == 0

    def profile(self, kind):
        profile = kind(self.server)
        profile.signatureVerifyHint = lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE
        return profile

    def ask(self, method=lasso.HTTP_METHOD_REDIRECT, level="Midden"):
        """A signed AuthnRequest, ready to send: the consumer by its index, and so no binding."""
        login, context = self.profile(lasso.Login), lasso.Samlp2RequestedAuthnContext()
        login.initAuthnRequest(DIGID, method)
        context.comparison, context.authnContextClassRef = "minimum", (LEVELS[level],)
        request = login.request
        request.requestedAuthnContext = context
        request.nameIdPolicy = request.protocolBinding = request.consent = None
        request.assertionConsumerServiceIndex = 0
        login.msgRelayState = RELAY_STATE
        login.buildAuthnRequestMsg()
        return login

    def send(self, login):
        """DigiD's answer to a request: its login page."""
        form = {"SAMLRequest": login.msgBody, "RelayState": login.msgRelayState} if login.msgBody else None
        return visit(login.msgUrl, form)

    def press(self, page, **fields):
        """The address to which DigiD's login page leads, with these fields."""
        ticket = re.search(r'name="ticket" value="([^"]*)"', page)[1]
        status, location, body = visit(f"{self.base}/login", {"ticket": ticket, "bsn": BSN} | fields)
        if status != 303:
            raise Failed(f"the login page: {status} {body}")
        return location

    def redirected(self, login=None, **fields):
        """From a request to the address with the artifact."""
        status, _, page = self.send(login or self.ask())
        if status != 200:
            raise Failed(f"DigiD takes the request: {status} {page}")
        return self.press(page, **fields)

    def resolving(self, location):
        """Lasso's signed ArtifactResolve for what the browser brings."""
        login = self.profile(lasso.Login)
        login.initRequest(urllib.parse.urlsplit(location).query, lasso.HTTP_METHOD_ARTIFACT_GET)
        login.buildRequestMsg()
        return login

    def resolved(self, login, tls=None):
        """Status and body of what DigiD's back channel says to it."""
        status, _, body = visit(login.msgUrl, login.msgBody.encode(), tls or self.tls)
        return status, body

    def logout(self):
        logout = self.profile(lasso.Logout)
        logout.setSessionFromDump(self.session)
        return logout

    def take_logout(self, soap):
        """Lasso's answer to DigiD's LogoutRequest, if it is one, and of the session that there is."""
        logout = self.profile(lasso.Logout)
        logout.processRequestMsg(soap)
        logout.setSessionFromDump(self.session)
        logout.validateRequest()
        logout.buildResponseMsg()
        return logout.msgBody


def metadata(sp, text):
    certificate = re.search(r"<ds:X509Certificate>([^<]*)<", text)[1]
    pinned = ssl.PEM_cert_to_DER_cert((sp.pki / "digid-saml.crt").read_text())
    expect(base64.b64decode(certificate) == pinned, "the metadata holds the pinned certificate", text)
    xml = lasso.MESSAGE_FORMAT_XML
    expect(sp.signed(text, xml), "lasso verifies DigiD's metadata", text)
    changed = text.replace('index="0"', 'index="1"')
    expect(changed != text and not sp.signed(changed, xml), "and not when it was changed", text)


def logins(sp):
    for method, level in ((lasso.HTTP_METHOD_REDIRECT, "Midden"), (lasso.HTTP_METHOD_POST, "Hoog")):
        asked = sp.ask(method, level)
        location = sp.redirected(asked)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        expect(query["RelayState"] == RELAY_STATE, f"DigiD takes lasso's request at {level}, and keeps the RelayState", location)
        login = sp.resolving(location)
        status, body = sp.resolved(login)
        expect(status == 200 and sp.signed(body, lasso.MESSAGE_FORMAT_SOAP), "lasso verifies the ArtifactResponse", body)
        login.processResponseMsg(body)
        login.acceptSso()
        assertion = login.assertion
        sp.digid.verifySingleNodeSignature(assertion, "ID")
        expect(assertion.validateConditions(ENTITY_ID) == lasso.SAML2_ASSERTION_VALID, "and the Assertion by itself", body)
        confirmed = assertion.subject.subjectConfirmation.subjectConfirmationData
        (statement,) = assertion.authnStatement
        seen = (login.nameIdentifier.content, assertion.issuer.content, confirmed.inResponseTo, confirmed.recipient,
                statement.authnContext.authnContextClassRef, statement.subjectLocality.address)
        meant = (NAME, DIGID, asked.request.iD, location.partition("?")[0], LEVELS[level], "127.0.0.1")
        expect(seen == meant, "lasso reads what DigiD meant", (seen, meant))
        sp.session = login.session.dump()


def what_is_refused(sp):
    asked = sp.ask()
    expect(visit(asked.msgUrl.replace("RelayState=a", "RelayState=b"))[0] == 404, "a changed redirect is refused")
    posted = sp.ask(lasso.HTTP_METHOD_POST)
    posted.msgBody = base64.b64encode(base64.b64decode(posted.msgBody).replace(b"MobileTwoFactorContract", b"Smartcard")).decode()
    expect(sp.send(posted)[0] == 404, "and so is a changed form")

    location = sp.redirected(asked)
    login = sp.resolving(location)
    for pair in (None, "wrong-tls"):
        try:
            seen = sp.resolved(login, sp.context(pair))
        except OSError as error:
            print("refused TLS:", error, flush=True)
            seen = None
        expect(seen is None, f"the back channel refuses who shows {pair}", seen)
    whole = login.msgBody
    login.msgBody = whole.replace("</samlp:Artifact>", " </samlp:Artifact>")
    expect(login.msgBody != whole and sp.resolved(login)[0] == 404, "a changed ArtifactResolve is refused", whole)
    login.msgBody = whole
    status, body = sp.resolved(login)
    changed = body.replace(NAME, VICTIM)
    expect(changed != body and verdict(sp, login, changed) == "broken", "lasso refuses a changed answer", body)
    login = sp.resolving(location)
    status, body = sp.resolved(login)
    expect(status == 200 and sp.signed(body, lasso.MESSAGE_FORMAT_SOAP), "an artifact is good once; DigiD signs that too", body)
    expect(verdict(sp, login, body) == "refused", "and lasso reads it", body)


def verdict(sp, login, body):
    """What lasso makes of an answer."""
    try:
        login.processResponseMsg(body)
        login.acceptSso()
        sp.digid.verifySingleNodeSignature(login.assertion, "ID")
    except SIGNATURE_ERRORS:
        return "broken"
    except lasso.Error:
        return "refused"
    if login.nameIdentifier.content == VICTIM:
        return "deceived"
    if login.assertion.validateConditions(ENTITY_ID) != lasso.SAML2_ASSERTION_VALID:
        return "conditions"
    return "signed"


def outcomes(sp):
    for outcome, codes in (
        ("cancel", ("Responder", "AuthnFailed")), ("no-authn-context", ("Responder", "NoAuthnContext")),
        ("denied", ("Requester", "RequestDenied")), ("denied-behind", ("Responder", "RequestDenied")),
        ("no-supported-idp", ("Requester", "NoSupportedIDP")), ("unsupported", ("Responder", "RequestUnsupported")),
        ("failed", ("Responder", None)),
    ):
        login = sp.resolving(sp.redirected(outcome=outcome))
        _, body = sp.resolved(login)
        expect(sp.signed(body, lasso.MESSAGE_FORMAT_SOAP) and verdict(sp, login, body) == "refused", f"{outcome}: signed", body)
        code = login.response.status.statusCode
        seen = code.value, code.statusCode and code.statusCode.value
        expect(seen == tuple(name and STATUS + name for name in codes), f"{outcome}: lasso reads its status", seen)


def spoils(sp, words):
    expect(set(words) == set(VERDICTS) | set(LEFT_OUT.split()), "every spoil has its verdict", set(words) ^ set(VERDICTS))
    for word, meant in VERDICTS.items():
        location = sp.redirected(spoil=word)
        try:
            login = sp.resolving(location)
        except lasso.Error:
            seen = "refused"
        else:
            body = sp.resolved(login)[1]
            seen = verdict(sp, login, body)
        expect(seen == meant, f"{word}: {meant}", seen)
        if word in BY_HAND:
            held = hold(word, body, sp.pki / "digid-saml.crt", lambda url: visit(url)[2])
            expect(held == (1 if word == "external-reference" else 2), f"{word}: signed rightly, for who does what it asks", (held, body))


def logouts(sp):
    for spoil in ("slo-wrong-key", "slo-unsigned", "slo-tampered", ""):
        told = json.loads(visit(f"{sp.base}/logout", {"bsn": BSN, "spoil": spoil})[2])
        meant = 404 if spoil else 200
        right = told["status"] == meant and bool(told["refused"]) == bool(spoil)
        expect(right, f"lasso answers {meant} to DigiD's LogoutRequest {spoil}", told)

    logout = sp.logout()
    logout.initRequest(DIGID, lasso.HTTP_METHOD_POST)
    logout.buildRequestMsg()
    request = base64.b64decode(logout.msgBody)
    changed = base64.b64encode(request.replace(b"</saml:NameID>", b" </saml:NameID>")).decode()
    expect(visit(logout.msgUrl, {"SAMLRequest": changed, "RelayState": "x"})[0] == 404, "a changed LogoutRequest is refused")
    status, location, body = visit(logout.msgUrl, {"SAMLRequest": logout.msgBody, "RelayState": "x"})
    expect(status == 303, "DigiD takes lasso's LogoutRequest", body)
    query = urllib.parse.urlsplit(location).query
    # DigiD signs this one with SHA-1, as the real one does.
    try:
        sp.logout().processResponseMsg(query.replace("RelayState=x", "RelayState=y"))
        raise Failed(f"lasso takes a changed LogoutResponse: {query}")
    except SIGNATURE_ERRORS:
        pass
    logout.processResponseMsg(query)
    expect(logout.response.status.statusCode.value == f"{STATUS}Success", "and lasso its LogoutResponse", query)


def too_late(*_):
    raise Failed(f"the whole: not done within {PATIENCE} seconds")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(PATIENCE)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    here = f"http://127.0.0.1:{server.server_port}"
    certificate = (folder / "pki/sp-saml.crt").read_text()
    body = "".join(line for line in certificate.splitlines() if "CERTIFICATE" not in line)
    server.metadata = signed(folder, METADATA.format(entity_id=ENTITY_ID, certificate=body, here=here))
    server.sp = sp = ServiceProvider(folder, server.metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", f"{here}/metadata", flush=True)
    base, words = sys.stdin.readline().strip(), sys.stdin.readline().split()
    text = (folder / "digid.xml").read_text()
    try:
        sp.meet(base, text)
        metadata(sp, text)
        logins(sp)
        what_is_refused(sp)
        outcomes(sp)
        spoils(sp, words)
        logouts(sp)
    except Failed as failed:
        sys.exit(f"FAILED at {failed}")
    print("our simulated DigiD satisfies lasso")


if __name__ == "__main__":
    main()
