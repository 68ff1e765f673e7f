"""Plans that draw everything."""

import hashlib
import json
import math
import re
from bisect import bisect_right
from itertools import accumulate

from support import TOP

VECTORS = TOP / "tests/vectors/draw.json"


def u_by_the_spec(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) // 2**11 / 2**53


def noise_by_the_spec(seed, label, resource, attempt):
    text = f"v1|{seed}|{label}|{resource}|{attempt}|bytes"
    blocks = [hashlib.sha256(f"{text}|{k}".encode()).hexdigest() for k in range(8)]
    drawn = bytearray.fromhex("".join(blocks))
    drawn[0] = drawn[0] % 128 + 128
    return bytes(drawn)


def bytes_by_the_spec(seed, label, resource, attempt, length):
    text, drawn = f"v1|{seed}|{label}|{resource}|{attempt}|bytes", b""
    for k in range(length):
        drawn += hashlib.sha256(f"{text}|{k}".encode()).digest()
        if len(drawn) >= length:
            break
    return drawn[:length]


def places_by_the_spec(seed, label, resource, attempt, count, length):
    text, places, k = f"v1|{seed}|{label}|{resource}|{attempt}|places", set(), 0
    while len(places) < count and len(places) < length:
        places |= {math.floor(length * u_by_the_spec(f"{text}|{k}"))}
        k += 1
    return sorted(places)


def normal_quantile(u):
    """The z below which a normal variable stays with probability `u`, by bisection."""
    if u > 0.5:
        return -normal_quantile(1 - u)
    low, high = -40.0, 0.0
    while low < (middle := (low + high) / 2) < high:
        if math.erfc(-middle / math.sqrt(2)) / 2 < u:
            low = middle
        else:
            high = middle
    return high


def fate_by_the_spec(plan, label, resource, attempt):
    """The reply, resolved, as JSON, without what is left to its default."""
    drawn_attempt = attempt if plan.get("per_attempt") else 0

    def u(purpose):
        return u_by_the_spec(f"v1|{plan['seed']}|{label}|{resource}|{drawn_attempt}|{purpose}")

    keys = [resource]
    if re.fullmatch("[A-Z][A-Z]", resource):
        keys.insert(0, "/flags/{0}/{0}.gif".format(resource.lower()))
    rules = [plan["rules"][key] for key in keys if key in plan.get("rules", {})]
    if rules:
        reply = (rules[0] + rules[0][-1:] * attempt)[attempt - 1]
    else:
        mix = [*plan.get("mix", []), {"weight": 101, "do": "serve"}]
        sums = list(accumulate(bucket["weight"] for bucket in mix))
        reply = mix[bisect_right(sums, 100 * u("bucket"))]
    reply = {key: value for key, value in reply.items() if key != "weight"}
    if isinstance(reply.get("status"), list):
        reply["status"] = reply["status"][int(len(reply["status"]) * u("status"))]
    match reply.get("delay_s"):
        case {"uniform": [a, b]}:
            reply["delay_s"] = a + (b - a) * u("delay")
        case {"lognormal": {"median": median, "sigma": sigma, "max": most}}:
            z = normal_quantile(u("delay"))
            reply["delay_s"] = min(most, median * math.exp(sigma * z))
    return reply


def completed(vectors):
    """The vectors with their answers, whatever answers stood there."""
    for vector in vectors["draw"]:
        vector["u"] = u_by_the_spec(vector["text"])
    for vector in vectors["noise"]:
        asked = (vector[key] for key in ("seed", "label", "resource", "attempt"))
        vector["hex"] = noise_by_the_spec(*asked).hex()
    for name, of in (("bytes", bytes_by_the_spec), ("places", places_by_the_spec)):
        for vector in vectors[name]:
            drawn = of(**{key: vector[key] for key in vector if key not in ("hex", "places")})
            vector |= {"hex": drawn.hex()} if name == "bytes" else {"places": drawn}
    for vector in vectors["fates"]:
        asked = (vector[key] for key in ("plan", "label", "resource", "attempt"))
        vector["reply"] = fate_by_the_spec(*asked)
    return vectors


def laid_out(vectors):
    """The text of the vectors: one a line."""
    lists = (
        f'"{name}": [\n'
        + ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors[name])
        + "\n]"
        for name in ("draw", "noise", "bytes", "places", "fates")
    )
    return '{"vectors": 1,\n' + ",\n".join(lists) + "}\n"
