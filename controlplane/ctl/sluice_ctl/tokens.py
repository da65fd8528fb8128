# SPDX-License-Identifier: Apache-2.0
"""token: makes bearer tokens (JWT) and keys for them, without asking the server.

The key file is sluice-controlplane's token_keys: lines "KID ALGORITHM VALUE". For HS256 the value is
the secret; for ES256 it is the public key's path, and --private-key names the other half.
"""
import base64
import re
import secrets
import time
import urllib.parse
import uuid

import jwt

from sluice_ctl import endpoint, output

SECRET_BYTES = 32
ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
ROOM = re.compile(r"^(\*|[A-Za-z0-9_-]{1,64}\*?)$")
GRANTS = ("publish", "subscribe", "observe", "administer")


def key_line(path, kid):
    """(kid, algorithm, value) of the key with that id, or of the first one."""
    lines = [line.split() for line in endpoint.read(path, "--keys").decode().splitlines()
             if line.strip() and not line.startswith("#")]
    for words in lines:
        if len(words) == 3 and kid in (None, words[0]):
            return words
    raise endpoint.Failure(f"{path}: there is no key" + (f' "{kid}"' if kid else "") +
                           ": `sluicectl token --new-key KID` writes a line for it")


def signing_key(options):
    kid, algorithm, value = key_line(options.keys, options.kid)
    if algorithm == "HS256":
        return kid, algorithm, base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    if algorithm != "ES256":
        raise endpoint.Failure(f'{options.keys}: algorithm "{algorithm}" is not HS256 or ES256')
    if not options.private_key:
        raise endpoint.Failure(f'key "{kid}" is for ES256: --private-key names its private half')
    return kid, algorithm, endpoint.read(options.private_key, "--private-key")


def claims(options):
    if options.room and not ROOM.match(options.room):
        raise endpoint.Failure(f'--room "{options.room}": it must be an id, an id and *, or *')
    if options.tenant and not ID.match(options.tenant):
        raise endpoint.Failure(f'--tenant "{options.tenant}": it must be 1 to 64 of A-Z a-z 0-9 _ -')
    now = int(time.time())
    made = {"aud": options.audience, "iat": now, "exp": now + options.lifetime,
            "sub": options.subject, "jti": str(uuid.uuid4())}
    made |= {name: getattr(options, name) for name in ("room", "tenant") if getattr(options, name)}
    granted = [grant for grant in GRANTS if getattr(options, grant)] or ["publish", "subscribe"]
    return made | {grant: True for grant in granted}


def link(url, token, room):
    """The page's address with the token in its fragment, which browsers send to nobody."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    if room and ID.match(room):
        query.setdefault("room", room)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path or "/",
                                    urllib.parse.urlencode(query), f"token={token}"))


def new_key(kid):
    if not ID.match(kid):
        raise endpoint.Failure(f'--new-key "{kid}": it must be 1 to 64 of A-Z a-z 0-9 _ -')
    value = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")
    return {"kid": kid, "algorithm": "HS256", "value": value}


def run_token(_, options):
    if options.new_key:
        key = new_key(options.new_key)
        if options.json:
            output.print_json(key)
        else:
            print(key["kid"], key["algorithm"], key["value"])
        return
    if not options.keys:
        raise endpoint.Failure("--keys FILE is needed: sluice-controlplane's token_keys")
    kid, algorithm, key = signing_key(options)
    made = claims(options)
    try:
        token = jwt.encode(made, key, algorithm=algorithm, headers={"kid": kid})
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise endpoint.Failure(f'key "{kid}": {error}') from error
    address = link(options.link, token, options.room) if options.link else None
    if options.json:
        output.print_json({"token": token, "claims": made, "link": address})
    else:
        print(address or token)
