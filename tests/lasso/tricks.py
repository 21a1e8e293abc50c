"""What an attacker does to a message on its way from lasso: its signatures are taken off and made anew by xmlsec1, which nobody
here wrote either, so that a signature is wrong by nothing but its trick. Used by idp.py; drive.py says what must come of each.
"""

import base64
import re
import subprocess

SIGNATURE = """<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>\
<ds:SignatureMethod Algorithm="{method}"/>{references}\
</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:KeyName>digid</ds:KeyName></ds:KeyInfo></ds:Signature>"""
REFERENCE = """<ds:Reference URI="{uri}">{transforms}<ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue/></ds:Reference>"""
ENVELOPED = '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
CANONICAL = '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
# What bears a signature of DigiD's, the inner one first.
SIGNED = "Assertion", "ArtifactResponse", "LogoutRequest"
# How xmlsec1 is told what an ID is.
NAMES = [part for name in SIGNED for part in ("--id-attr:ID", name)]
NAME = "<ds:KeyName>digid</ds:KeyName>"
NOBODY = "<ds:KeyName>a key of nobody's</ds:KeyName>"


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
    return done.stdout


def template(uri, method=RSA_SHA256, digest=SHA256, transforms=ENVELOPED + CANONICAL, references=1):
    """A signature that is still empty."""
    transforms = f"<ds:Transforms>{transforms}</ds:Transforms>" if transforms else ""
    one = REFERENCE.format(uri=uri, transforms=transforms, digest=digest)
    return SIGNATURE.format(method=method, references=one * references)


def bare(text):
    """The message without its signatures, and how many there were."""
    text, count = re.subn(r"<(\w+:)?Signature .*?</(\w+:)?Signature>", "", text, flags=re.S)
    if count == 0:
        raise RuntimeError(f"there is no signature in {text}")
    return text, count


def start(name, text):
    """The ID of the first element of that name, and where its Issuer ends, behind which its signature belongs."""
    issuer = r"<(?:\w+:)?Issuer[^>]*>[^<]*</(?:\w+:)?Issuer>"
    found = re.search(rf'<(?:\w+:)?{name} [^>]*\bID="([^"]+)"[^>]*>\s*{issuer}', text)
    return (found[1], found.end()) if found else None


def sign(key, name, text, **shape):
    """Has xmlsec1 sign the first element of that name, with this key."""
    own, at = start(name, text)
    text = text[:at] + template(**{"uri": f"#{own}"} | shape) + text[at:]
    this = ["--node-xpath", f"//*[local-name()='Signature'][../@ID='{own}']"]
    return run("xmlsec1", "--sign", *key, *NAMES, *this, "/dev/stdin", text=text.encode()).decode()


def certificate(path):
    body = "".join(line for line in path.read_text().splitlines() if "CERTIFICATE" not in line)
    return f"<ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data>"


def key_value(path):
    """The very key, for whoever takes what a message brings."""
    modulus = run("openssl", "x509", "-in", path, "-noout", "-modulus").decode().strip().partition("=")[2]
    value = base64.b64encode(bytes.fromhex(modulus)).decode()
    return ("<ds:KeyValue><ds:RSAKeyValue>"
            f"<ds:Modulus>{value}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>")


def hmac(folder, form):
    """DigiD's public key as the secret of an HMAC. In its folder, as PEM or DER."""
    public = folder / f"public.{form}"
    pem = run("openssl", "x509", "-in", folder / "idp.crt", "-noout", "-pubkey")
    public.write_bytes(pem if form == "pem" else run("openssl", "pkey", "-pubin", "-outform", "DER", text=pem))
    return ["--hmackey:digid", public]


def tricks(folder):
    """For each: the algorithm, how xmlsec1 gets the key, and what the signature then says of it; made when it is asked for."""
    rsa = lambda key: ["--privkey-pem:digid", key]
    own, stranger, other = folder / "idp.key", folder.parent / "stranger.key", folder / "tls.key"
    crt = lambda key: key.with_suffix(".crt")
    return {
        # No trick: xmlsec1 does with DigiD's key what lasso did.
        "signed-anew": lambda: (RSA_SHA256, rsa(own), NAME),
        "hmac-of-pem": lambda: ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", hmac(folder, "pem"), NAME),
        "hmac-of-der": lambda: ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", hmac(folder, "der"), NAME),
        # Around values it does not count.
        "with-white-space": lambda: (RSA_SHA256, rsa(own), NAME),
        # What it calls its key is not read.
        "under-no-known-name": lambda: (RSA_SHA256, rsa(own), NOBODY),
        "own-key": lambda: (RSA_SHA256, rsa(stranger), NAME),
        "own-key-under-no-known-name": lambda: (RSA_SHA256, rsa(stranger), NOBODY),
        "own-certificate": lambda: (RSA_SHA256, rsa(stranger), certificate(crt(stranger))),
        "own-key-value": lambda: (RSA_SHA256, rsa(stranger), key_value(crt(stranger))),
        "under-digids-certificate": lambda: (RSA_SHA256, rsa(stranger), certificate(crt(own))),
        # Of an authority that is believed, but for the back channel, and not in the metadata.
        "another-certificate": lambda: (RSA_SHA256, rsa(other), certificate(crt(other))),
    }


def signed_anew(folder, text, trick):
    """The message with each of its signatures made anew, the inner ones first."""
    method, key, says = tricks(folder)[trick]()
    text, count = bare(text)
    if trick == "with-white-space":
        values = r"(<(?:\w+:)?(?:NameID|Audience|AuthnContextClassRef)\b[^>]*>)([^<]*)</"
        text, spaced = re.subn(values, r"\1\n  \2\n</", text)
        if spaced == 0:
            raise RuntimeError(f"there is no value in {text}")
    for name in SIGNED:
        if start(name, text) is None:
            continue
        count -= 1
        text = sign(key, name, text, method=method)
        # No signature covers what it says of its key.
        place = start(name, text)[1]
        text = text[:place] + text[place:].replace(NAME, says, 1)
    if count:
        raise RuntimeError(f"{count} signatures were not made anew")
    return text
