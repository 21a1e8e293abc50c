#!/usr/bin/python3
"""Lets schemathesis hold the admin API of a `namens` binary against the document that it serves, and says how it went.

Usage: drive.py NAMENS [FOLDER]

A program of the operator's gets a token, does what docs/admin.md shows, and then schemathesis, with few examples and the same each time, sends
each operation what the document allows and what it forbids: no answer is a fault of ours, each has a status, a media type and a shape
that the document names, nothing forbidden is taken, and nothing is told without a token. schemathesis is that of the Python which
runs this; the house is that of tests/lasso/house.py.
"""

import base64
import datetime
import json
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lasso"))
from house import Failed, House, expect, too_late  # noqa: E402

PATIENCE = 900
CONFIG = """issuer = "{issuer}"
listen = "{listen}"
database = "namens.db"
master_key = {{ file = "keys/master.key" }}
[mail]
from = "Namens <noreply@namens.test>"
folder = "mail"
[admin]
from = ["127.0.0.0/8"]
[[client]]
id = "root"
name = "Beheer"
policy = "basic"
auth = "client_secret_basic"
secret = {{ file = "root.secret" }}
service_scopes = ["clients", "accounts", "mandates", "keys", "audit"]
[[client]]
id = "second"
name = "Balie"
policy = "basic"
auth = "client_secret_basic"
secret = {{ file = "root.secret" }}
service_scopes = ["mandates"]
"""
# A registration that the schema allows can still be wrong by rules that no schema tells, so what is allowed may be refused.
CHECKS = ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
FEW = ["--max-examples", "15", "--generation-deterministic", "--no-color",
       "--continue-on-failure", "--request-timeout", "60"]


def send(method, url, headers, body=None):
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60)
    except urllib.error.HTTPError as other:
        answer = other
    with answer:
        text = answer.read(1 << 20).decode()
        return answer.status, json.loads(text) if text else None


def bearer_of(house, program, secret):
    basic = base64.b64encode(f"{program}:{urllib.parse.quote_plus(secret)}".encode()).decode()
    form = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    _, told = send("POST", f"{house.issuer}/token", form, b"grant_type=client_credentials")
    return f"Bearer {told['access_token']}"


def desk(api, one, another):
    """One program registers a mother, a child and a mandate, another one approves it, and together they put a date of birth right."""
    def made(path, body):
        status, told = send("POST", f"{api}{path}", one, json.dumps(body).encode())
        expect(status == 201, f"a program registers at {path}", (status, told))
        return told["id"]

    document = {"kind": "passport", "valid_until": "2100-01-01", "checked": True}
    year = datetime.date.today().year
    mother = made("/persons", {"name": "Anna", "birth_date": str(year - 40), "bsn": "111222333"})
    mandate = made("/mandates", {
        "representative": mother,
        "represented": made("/persons", {"name": "Sam", "birth_date": str(year - 8)}),
        "relation": "parent", "legal_basis": "art. 1:247 BW", "evidence": "parental_authority", "form_reference": "2026-0001",
        "representative_document": document, "represented_document": document})
    seen = json.dumps({"representative_bsn": "111222333", "represented_birth_date": str(year - 8)}).encode()
    status, _ = send("POST", f"{api}/mandates/{mandate}/approve", one, seen)
    expect(status == 403, "which it does not approve itself", status)
    status, told = send("POST", f"{api}/mandates/{mandate}/approve", another, seen)
    expect((status, told["standing"]) == (200, "active"), "and another one does", (status, told))
    right = {"birth_date": str(year - 41)}
    proposed = made(f"/persons/{mother}/corrections", {**right, "evidence_reference": "map 4"})
    approve = f"{api}/corrections/{proposed}/approve"
    status, told = send("POST", approve, one, json.dumps(right).encode())
    expect(status == 403, "nor puts a date of birth right alone", (status, told))
    status, told = send("POST", approve, another, json.dumps(right).encode())
    expect((status, told["stage"]) == (200, "approved"), "which two do", (status, told))


def drive(program, folder):
    house = House(program, folder)
    try:
        made = [program, "init", "--issuer", house.issuer, "--folder", folder]
        done = subprocess.run(made, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, "namens init", done.stderr)
        secret = secrets.token_urlsafe(32)
        (folder / "root.secret").write_text(secret)
        (folder / "root.secret").chmod(0o600)
        house.config.write_text(CONFIG.format(issuer=house.issuer, listen=house.listen))
        house.serve()
        bearer, other = bearer_of(house, "root", secret), bearer_of(house, "second", secret)
        headers = {"Authorization": bearer, "Content-Type": "application/json"}
        api = f"{house.issuer}/admin/v1"
        client = {"client_id": "shop", "name": "Winkel", "policy": "basic", "auth": "client_secret_basic",
                  "redirect_uris": ["https://winkel.example/callback"], "scopes": ["email"]}
        status, told = send("POST", f"{api}/clients", headers, json.dumps(client).encode())
        expect(status == 201 and told["client_secret"], "a program adds a client", (status, told))
        status, told = send("GET", f"{api}/clients/shop", headers)
        expect(status == 200 and "client_secret" not in told, "and reads it, without the secret", told)
        desk(api, headers, {**headers, "Authorization": other})
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{api}/openapi.json", "-H", f"Authorization: {bearer}", *CHECKS, *FEW]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=folder)
        expect(done.returncode == 0, "schemathesis finds what the document says", f"{done.stdout[-6000:]}{done.stderr[-2000:]}")
        print(done.stdout[-600:])
        # Had the token ended on the way, all the rest would have been refused, as the document says.
        status, told = send("GET", f"{api}/clients?limit=1", headers)
        expect(status == 200, "and the token counted to the end", (status, told))
        log = house.log()
        expect("panicked" not in log and "a request failed" not in log, "and no fault stands in the log", log[-2000:])
    finally:
        for child in list(house.children):
            house.stop(child)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(PATIENCE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            drive(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(folder))
    except Failed as failed:
        sys.exit(f"FAILED at {failed}")
    print("The admin API is what its document says")


if __name__ == "__main__":
    main()
