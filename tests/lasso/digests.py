"""Of three spoils neither lasso nor xmlsec1 can say whether they are signed rightly: libxmlsec decodes no text with other letters than
those of base64, canonicalizes no relative namespace name, and fetches nothing for lasso. Here it is reckoned as those do who would be
deceived, with Python's hashes and OpenSSL, so that none is refused because its signature was wrong. Used by sp.py.
"""

import base64
import hashlib
import re
import subprocess
import tempfile

from spoils import element

BY_HAND = "base64-transform", "external-reference", "void-canonical"


def decoded(text):
    """Base64 as RFC 2045, section 6.8, has it: tags taken away, what is no letter left out, to the first padding."""
    letters = re.sub(r"[^A-Za-z0-9+/]", "", re.sub(r"<[^>]*>", "", text).partition("=")[0])
    return base64.b64decode(letters[:len(letters) // 4 * 4], validate=True)


def covered(word, uri, signature, text, fetch):
    """The octets that a signature is said to be made over."""
    if word == "void-canonical":
        return b""
    if not uri.startswith("#"):
        return fetch(uri).encode()
    own = element(text, re.search(rf'<[\w:]+ [^>]*\bID="{uri[1:]}"', text).start())
    return decoded(own.replace(signature, "", 1))


def hold(word, text, certificate, fetch):
    """How many signatures of the message hold for whoever does what they ask. The outer one of an external reference is DigiD's own
    and is lasso's to verify."""
    held = 0
    public = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], capture_output=True, check=True, timeout=60)
    for at in [found.start() for found in re.finditer("<ds:Signature>", text)]:
        signature = element(text, at)
        uri, digest = (re.search(what, signature)[1] for what in (r'URI="([^"]*)"', r"DigestValue>([^<]*)<"))
        if word == "external-reference" and uri.startswith("#"):
            continue
        right = hashlib.sha256(covered(word, uri, signature, text, fetch)).digest()
        info = element(signature, signature.index("<ds:SignedInfo>"))
        info = info.replace("<ds:SignedInfo>", '<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">', 1)
        value = base64.b64decode(re.search(r"SignatureValue>([^<]*)<", signature)[1])
        with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as made:
            for file, content in ((key, public.stdout), (made, value)):
                file.write(content)
                file.flush()
            command = ["openssl", "dgst", "-sha256", "-verify", key.name, "-signature", made.name]
            done = subprocess.run(command, input=info.encode(), capture_output=True, timeout=60)
        held += done.returncode == 0 and base64.b64decode(digest) == right
    return held
