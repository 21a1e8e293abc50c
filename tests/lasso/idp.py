#!/usr/bin/python3
"""DigiD played by lasso, a SAML library that nobody here wrote.

Usage: idp.py FOLDER

FOLDER holds idp.key and idp.crt (SAML signatures), tls.key and tls.crt (the back channel), ca.crt (who may call it) and,
from the first login on, sp.xml (the service provider's metadata). Writes FOLDER/digid.xml, prints "ready" and the address
of its front channel on one line, and then tells on standard error what it does, until it is stopped.

Front channel: GET /sso takes a signed AuthnRequest by the Redirect binding, POST /sso by the POST binding, and shows a form;
POST /login sends the artifact.
Single logout: POST /slo takes a signed LogoutRequest and sends the browser back with an answer, by redirect; POST /logout has
lasso send a LogoutRequest of its own to the service provider, over SOAP, and check the answer.
Back channel: POST /soap, TLS with a client certificate, resolves the artifact once.

The forms of /login and /logout may ask for a trick (tricks.py, spoils.py): then an attacker has made what is sent of what lasso said.
"""

import base64
import datetime
import hashlib
import html
import pathlib
import secrets
import ssl
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
import xml.etree.ElementTree
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.dont_write_bytecode = True
try:
    import lasso

    from spoils import SPOILS, spoilt
    from tricks import signed_anew
except ImportError:
    sys.exit("lasso is missing: install the Debian package python3-lasso, and run this with /usr/bin/python3")

ENTITY_ID = "https://digid.lasso.test/saml/idp/metadata"
LEVELS = {
    "Basis": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    "Midden": "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
    "Substantieel": "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard",
    "Hoog": "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
}
MAX_BODY = 64 * 1024
METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" entityID="{entity_id}">
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference URI="#_metadata"><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
</ds:SignedInfo><ds:SignatureValue/></ds:Signature>
<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:ArtifactResolutionService isDefault="true" index="0"
  Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="{back}/soap"/>
<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{front}/slo"/>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{front}/sso"/>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{front}/sso"/>
</md:IDPSSODescriptor></md:EntityDescriptor>
"""
FORM = """<!doctype html><title>DigiD</title><p id="minimum">{minimum}</p>
<form id="digid" method="post" action="/login"><input type="hidden" name="ticket" value="{ticket}">
<input name="bsn"><input name="level"><button>Inloggen</button></form>
"""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(folder, metadata):
    """The metadata as Logius hands it out: signed, here by xmlsec1."""
    command = ["xmlsec1", "--sign", "--privkey-pem", folder / "idp.key", "--id-attr:ID", "EntityDescriptor", "/dev/stdin"]
    done = subprocess.run(command, input=metadata, capture_output=True, text=True, timeout=60)
    if done.returncode:
        sys.exit(f"xmlsec1 cannot sign the metadata: {done.stderr}")
    return done.stdout


def played(folder, text, trick):
    """What goes out instead of what lasso said."""
    return spoilt(folder, text, trick, say) if trick in SPOILS else signed_anew(folder, text, trick)


class Digid:
    """What both channels share. Lasso is used by one thread at a time."""

    def __init__(self, folder, front, back):
        self.folder = folder
        self.front = front
        self.lock = threading.Lock()
        self.logins = {}
        self.artifacts = {}
        self.tricks = {}
        self.sessions = {}
        self.server = None
        certificate = (folder / "idp.crt").read_text()
        body = "".join(line for line in certificate.splitlines() if "CERTIFICATE" not in line)
        self.metadata = METADATA.format(entity_id=ENTITY_ID, certificate=body, front=front, back=back)
        (folder / "digid.xml").write_text(signed(folder, self.metadata))

    def lasso(self):
        """The identity provider; made at the first login, when the service provider's metadata is there."""
        if self.server is None:
            key, certificate = ((self.folder / name).read_text() for name in ("idp.key", "idp.crt"))
            server = lasso.Server.newFromBuffers(self.metadata, key, None, certificate)
            server.signatureMethod = lasso.SIGNATURE_METHOD_RSA_SHA256
            server.addProviderFromBuffer(lasso.PROVIDER_ROLE_SP, (self.folder / "sp.xml").read_text())
            self.server = server
        return self.server

    def take_request(self, message, relay_state=None):
        """Checks the AuthnRequest, a query or a form's field, and its signature; gives the ticket of a login page and the least
        level asked."""
        login = lasso.Login(self.lasso())
        login.signatureVerifyHint = lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE
        login.processAuthnRequestMsg(message)
        if relay_state is not None:
            login.msgRelayState = relay_state
        login.validateRequestMsg(True, True)
        if login.protocolProfile != lasso.LOGIN_PROTOCOL_PROFILE_BRWS_ART:
            raise ValueError("the request does not ask for an artifact")
        context = login.request.requestedAuthnContext
        if context.comparison != "minimum":
            raise ValueError("the Comparison is not minimum")
        ticket = secrets.token_hex(16)
        self.logins[ticket] = login
        return ticket, context.authnContextClassRef[0]

    def log_in(self, ticket, bsn, level, trick=None):
        """Ends a login page: the address that takes the artifact back."""
        login = self.logins.pop(ticket)
        now = datetime.datetime.now(datetime.timezone.utc)
        early, late = (now + datetime.timedelta(minutes=m) for m in (-2, 2))
        login.buildAssertion(LEVELS[level], stamp(now), None, stamp(early), stamp(late))
        name = login.assertion.subject.nameId
        name.content = "s00000000:" + bsn
        name.format = name.nameQualifier = name.spNameQualifier = None
        login.buildArtifactMsg(lasso.HTTP_METHOD_ARTIFACT_GET)
        self.artifacts[login.artifact] = login.artifactMessage
        self.tricks[login.artifact] = trick
        self.sessions[name.content] = login.session.dump()
        source = base64.b64decode(login.artifact)[4:24]
        assert source == hashlib.sha1(ENTITY_ID.encode()).digest(), "the SourceID of the artifact"
        return login.msgUrl

    def logout(self):
        logout = lasso.Logout(self.lasso())
        logout.signatureVerifyHint = lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE
        return logout

    def take_logout(self, request, relay_state):
        """Checks the LogoutRequest: its signature, and that it names a session that is there. Gives the way back."""
        logout = self.logout()
        logout.processRequestMsg(request)
        logout.setSessionFromDump(self.sessions[logout.nameIdentifier.content])
        logout.validateRequest()
        del self.sessions[logout.nameIdentifier.content]
        try:
            logout.buildResponseMsg()
        except lasso.ProfileUnknownProfileUrlError:
            pass  # Lasso would answer a POST by POST, DigiD answers by redirect.
        metadata = xml.etree.ElementTree.parse(self.folder / "sp.xml")
        services = metadata.iter("{urn:oasis:names:tc:SAML:2.0:metadata}SingleLogoutService")
        to = [s.get("Location") for s in services if s.get("Binding").endswith(":HTTP-Redirect")][0]
        query = logout.response.exportToQuery(lasso.SIGNATURE_METHOD_RSA_SHA1, str(self.folder / "idp.key"))
        return f"{to}?{query}&{urllib.parse.urlencode({'RelayState': relay_state})}"

    def send_logout(self, name, broken, trick=None):
        """Has lasso log somebody out at the service provider: the status of the answer, if lasso accepts it."""
        logout = self.logout()
        logout.setSessionFromDump(self.sessions[name])
        logout.initRequest(logout.session.getProviderIndex(0), lasso.HTTP_METHOD_SOAP)
        logout.buildRequestMsg()
        body = logout.msgBody.replace("<saml:NameID>", "<saml:NameID> ") if broken else logout.msgBody
        body = played(self.folder, body, trick) if trick else body
        request = urllib.request.Request(logout.msgUrl, body.encode(), {"Content-Type": "text/xml"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            logout.processResponseMsg(answer.read(MAX_BODY).decode())
        return logout.response.status.statusCode.value

    def resolve(self, soap):
        """The ArtifactResponse, once for each artifact."""
        login = lasso.Login(self.lasso())
        login.signatureVerifyHint = lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE
        login.processRequestMsg(soap)
        artifact = login.artifact
        message, trick = (kept.pop(artifact, None) for kept in (self.artifacts, self.tricks))
        if message is not None:
            login.setArtifactMessage(message)
        login.buildResponseMsg(None)
        return played(self.folder, login.msgBody, trick) if trick else login.msgBody


class Handler(BaseHTTPRequestHandler):
    timeout = 15

    def log_message(self, *_):
        pass

    def answer(self, status, body="", **headers):
        raw = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def body(self):
        return self.rfile.read(min(int(self.headers.get("Content-Length", "0")), MAX_BODY)).decode()

    def refuse(self, what, error):
        # As DigiD does: a signature, Issuer or message that it does not accept gets no SAML at all.
        say("refused", what, type(error).__name__, error)
        self.answer(404)


class Front(Handler):
    def do_GET(self):
        digid = self.server.digid
        path, _, query = self.path.partition("?")
        if path != "/sso":
            return self.answer(404)
        with digid.lock:
            try:
                ticket, minimum = digid.take_request(query)
            except Exception as error:  # whatever it is, it is no request
                return self.refuse("AuthnRequest", error)
        self.show(ticket, minimum, "redirect")

    def show(self, ticket, minimum, binding):
        say("asked", minimum, "by", binding)
        page = FORM.format(ticket=ticket, minimum=html.escape(minimum))
        self.answer(200, page, Content_Type="text/html; charset=utf-8")

    def do_POST(self):
        digid = self.server.digid
        form = dict(urllib.parse.parse_qsl(self.body()))
        with digid.lock:
            try:
                if self.path == "/sso":
                    return self.show(*digid.take_request(form["SAMLRequest"], form["RelayState"]), "post")
                if self.path == "/slo":
                    location = digid.take_logout(form["SAMLRequest"], form["RelayState"])
                elif self.path == "/logout":
                    return self.answer(200, digid.send_logout(form["name"], "broken" in form, form.get("trick")))
                else:
                    location = digid.log_in(form["ticket"], form["bsn"], form["level"], form.get("trick"))
            except Exception as error:
                return self.refuse(self.path, error)
        say("sent back from", self.path)
        self.answer(303, Location=location)


class Back(Handler):
    def do_POST(self):
        digid = self.server.digid
        soap = self.body()
        with digid.lock:
            try:
                body = digid.resolve(soap)
            except Exception as error:
                return self.refuse("ArtifactResolve", error)
        say("artifact resolved")
        self.answer(200, body, Content_Type="text/xml")


class Tls(HTTPServer):
    """Shakes hands on first read, so that a caller who does not is waited for no longer than the handler's timeout."""

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(Handler.timeout)
        tls = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return tls, address

    def handle_error(self, request, client_address):
        say("refused TLS", sys.exc_info()[1])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    front, back = HTTPServer(("127.0.0.1", 0), Front), Tls(("127.0.0.1", 0), Back)
    back.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
    back.context.verify_mode = ssl.CERT_REQUIRED
    back.context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    here = f"http://127.0.0.1:{front.server_port}"
    front.digid = back.digid = Digid(folder, here, f"https://127.0.0.1:{back.server_port}")
    threading.Thread(target=back.serve_forever, daemon=True).start()
    print("ready", here, flush=True)
    front.serve_forever()


if __name__ == "__main__":
    main()
