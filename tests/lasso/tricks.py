"""What an attacker does to a message on its way from lasso: its signatures are taken off and made anew by xmlsec1, which nobody
here wrote either, so that a signature is wrong by nothing but its trick. Used by idp.py; drive.py says what must come of each.
"""

import base64
import re
import subprocess

SIGNATURE = """<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>\
<ds:SignatureMethod Algorithm="{method}"/><ds:Reference URI="#{id}"><ds:Transforms>\
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>\
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>\
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>\
</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:KeyName>digid</ds:KeyName></ds:KeyInfo></ds:Signature>"""
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
NAME = "<ds:KeyName>digid</ds:KeyName>"
NOBODY = "<ds:KeyName>a key of nobody's</ds:KeyName>"


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
    return done.stdout


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
    """For each: the algorithm, how xmlsec1 gets the key, and what the signature then says of it."""
    rsa = lambda key: ["--privkey-pem:digid", key]
    own, stranger, other = folder / "idp.key", folder.parent / "stranger.key", folder / "tls.key"
    crt = lambda key: key.with_suffix(".crt")
    return {
        # No trick: xmlsec1 does with DigiD's key what lasso did.
        "signed-anew": (RSA_SHA256, rsa(own), NAME),
        "hmac-of-pem": ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", hmac(folder, "pem"), NAME),
        "hmac-of-der": ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", hmac(folder, "der"), NAME),
        # Around values it does not count.
        "with-white-space": (RSA_SHA256, rsa(own), NAME),
        # What it calls its key is not read.
        "under-no-known-name": (RSA_SHA256, rsa(own), NOBODY),
        "own-key": (RSA_SHA256, rsa(stranger), NAME),
        "own-key-under-no-known-name": (RSA_SHA256, rsa(stranger), NOBODY),
        "own-certificate": (RSA_SHA256, rsa(stranger), certificate(crt(stranger))),
        "own-key-value": (RSA_SHA256, rsa(stranger), key_value(crt(stranger))),
        "under-digids-certificate": (RSA_SHA256, rsa(stranger), certificate(crt(own))),
        # Of an authority that is believed, but for the back channel, and not in the metadata.
        "another-certificate": (RSA_SHA256, rsa(other), certificate(crt(other))),
    }


def signed_anew(folder, text, trick):
    """The message with each of its signatures made anew, the inner ones first."""
    method, key, says = tricks(folder)[trick]
    bare, count = re.subn(r"<(\w+:)?Signature .*?</(\w+:)?Signature>", "", text, flags=re.S)
    if count == 0:
        raise RuntimeError(f"there is no signature in {text}")
    if trick == "with-white-space":
        values = r"(<(?:\w+:)?(?:NameID|Audience|AuthnContextClassRef)\b[^>]*>)([^<]*)</"
        bare, spaced = re.subn(values, r"\1\n  \2\n</", bare)
        if spaced == 0:
            raise RuntimeError(f"there is no value in {text}")
    for name in ("Assertion", "ArtifactResponse", "LogoutRequest"):
        start = re.search(rf"<(?:\w+:)?{name} [^>]*\bID=\"([^\"]+)\"[^>]*>\s*<(?:\w+:)?Issuer[^>]*>[^<]*</(?:\w+:)?Issuer>", bare)
        if start is None:
            continue
        at, count = start.end(), count - 1
        bare = bare[:at] + SIGNATURE.format(method=method, id=start[1]) + bare[at:]
        names = [part for name in ("Assertion", "ArtifactResponse", "LogoutRequest") for part in ("--id-attr:ID", name)]
        this = ["--node-xpath", f"//*[local-name()='Signature'][../@ID='{start[1]}']"]
        bare = run("xmlsec1", "--sign", *key, *names, *this, "/dev/stdin", text=bare.encode()).decode()
        # The declaration that xmlsec1 writes moves everything on, and no signature covers what it says of its key.
        place = bare.index(f'URI="#{start[1]}"')
        bare = bare[:place] + bare[place:].replace(NAME, says, 1)
    if count:
        raise RuntimeError(f"{count} signatures were not made anew")
    return bare
