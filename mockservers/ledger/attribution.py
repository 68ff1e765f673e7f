"""Which download each request of a journal belongs to, and each file.

A request belongs to the resource in its path, except where a redirect led to it: then it belongs to
the download that was redirected. Requests do not say where they come from, so a request is matched
with a redirect to its path that is still waiting for one, preferably of the same connection. It may
still be the request of a client that does not follow redirects: `own_first` reads it so. Where
several downloads came by one path and met different responses, it is not known which met which:
each may have ended as any of them did.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from mockservers.flags2.codes import (
    CODE_OF_PATH,
    REMOTE,
    file_of_code,
    is_code,
    name_of,
    path_of_code,
)
from mockservers.journal import Claims, End, Files, Header, RequestEntry
from mockservers.kinds.names import normalised
from mockservers.ledger.collected import Collected
from mockservers.ledger.model import Account, Evidence
from mockservers.ledger.ownership import Owners, own
from mockservers.ledger.redirects import follows, matched
from mockservers.plan import LABELS


def attribute(
    collected: Collected, files_after: Files | None = None, *, own_first: bool = False
) -> Evidence:
    """Put every request into the account of its download, and every file to its resource.

    `files_after` takes the place of the files that the journal ends with. With `own_first`, the
    first request for what is to be fetched follows no redirect.
    """
    header, end = collected.header, collected.end or End()
    claims = end.claims or Claims()
    after = end.files_after if files_after is None else files_after
    by_resource = claims.by in ("exit", "file")
    label = None if by_resource else claims.label
    asked = _asked(header, collected.end, claims)
    accounts, others, unexpected, notes = _attributed(collected, label, asked, own_first)
    every = [*accounts.values(), *others.values()]
    before = header.files_before or {}
    owned, foreign = own(before, after or {}, every, claims.downloads, header.partial)
    by_hand = files_after is not None or (header.command is None and after is not None)
    in_scope = [label] if label in LABELS else [*collected.most_in_flight]
    return Evidence(
        label=label,
        served=label != REMOTE,
        asked=asked,
        claims=claims,
        accounts=accounts,
        others=others,
        unexpected=unexpected,
        requests=collected.count,
        most_in_flight=max((collected.most_in_flight.get(one, 0) for one in in_scope), default=0),
        dest=header.dest,
        files_before=before,
        files_after=after,
        owned=owned,
        foreign=foreign,
        codes_of_files={
            file: file[:2].upper() for file in after or {} if is_code(file[:2].upper())
        },
        notes=(*collected.notes, *_circumstances(collected, label), *notes),
        command=header.command is not None,
        status=end.status if claims.by in ("exit", "file", "report") else None,
        dest_given=header.dest_given or by_hand,
        unwritable=_unwritable(end.unwritable, every),
        given_up=sum(collected.given_up.get(one, 0) for one in in_scope),
        once=end.once or claims.by in (None, "report"),
    )


def _unwritable(names: Sequence[str], accounts: Sequence[Account]) -> frozenset[str]:
    """The paths of which no file could be saved at the end."""
    if "." in names:
        return frozenset(account.path for account in accounts)
    owners = Owners(accounts) if names else None
    return (
        frozenset(path for name in names for path in owners.by_name(name))
        if owners
        else frozenset()
    )


def _attributed(
    collected: Collected, label: str | None, asked: tuple[str, ...] | None, own_first: bool
) -> tuple[dict[str, Account], dict[str, Account], tuple[RequestEntry, ...], list[str]]:
    """Accounts; those that no report speaks of; the requests of none; notes."""
    end, named = collected.end or End(), collected.header.wanted
    claims = end.claims or Claims()
    if claims.by in ("exit", "file"):
        wanted = _wanted(named, end, claims)
        accounts, unexpected, notes = _of_resources(collected, wanted, own_first)
        return accounts, {}, unexpected, notes
    accounts, unexpected, notes = _of_codes(collected, label, asked, claims.by, own_first)
    if claims.by != "report":
        return accounts, {}, unexpected, notes
    wanted = _wanted(named, None, claims)
    others, _, more = _of_resources(collected, wanted, own_first, codes=False)
    return accounts, others, tuple(e for e in unexpected if e.code), [*notes, *more]


def _asked(header: Header, end: End | None, claims: Claims) -> tuple[str, ...] | None:
    """What the program was to fetch, where it is known."""
    if header.wanted and claims.by == "report":
        places = map(place_of, header.wanted)
        names = [name_of(path) for server, path in places if server in (None, claims.label)]
        codes = tuple(name for name in names if is_code(name))
        return codes or (end.asked if end else None)
    if header.wanted:
        return tuple(header.wanted)
    if end:
        return end.asked
    # Without an end line, it is not known what a command asked for.
    return None if header.command else header.asked


def place_of(wanted: str) -> tuple[str | None, str]:
    """Server and path of `LABEL:PATH`, `LABEL:CODE`; without a label, of any server."""
    label, colon, rest = wanted.partition(":")
    server = label if colon and label in LABELS else None
    rest = rest if server else wanted
    return server, normalised(rest) if rest.startswith("/") else path_of_code(rest)


def _wanted(named: Sequence[str], end: End | None, claims: Claims) -> list[tuple[str | None, str]]:
    """Server and path of what the program was to fetch, as far as it is known."""
    if named or not (end and end.asked):
        return [place_of(one) for one in named]
    label = claims.label if claims.label in LABELS else None
    return [(label, place_of(name)[1]) for name in end.asked]


def _circumstances(collected: Collected, label: str | None) -> Iterator[str]:
    for server, plan in collected.header.plans.items():
        if plan.get("refuse") and label in (None, server):
            yield f"{server} refuses connections, as its plan says"
    by = collected.end.claims.by if collected.end and collected.end.claims else None
    if unmet := _unmet_rules(collected) if by in ("exit", "file") else []:
        yield f"no request met these rules of the plan: {', '.join(unmet[:10])}"
    if collected.end is None and collected.header.command is None:
        yield "the journal has no end yet: the servers still run, or were killed"
    elif collected.end is None:
        yield "the journal has no end: the run was cut off, what was said is lost"


def _unmet_rules(collected: Collected) -> list[str]:
    """Rules of the servers that were asked, for what nothing was asked for."""
    asked: dict[str, set[str]] = {}
    for entry in (*collected.requests, *collected.others):
        place = normalised(entry.path)
        asked.setdefault(entry.server, set()).update((place, name_of(place)))
    plans = collected.header.plans
    rules = [(label, rule) for label in asked for rule in plans.get(label, {}).get("rules", {})]
    met = {rule for label, rule in rules if normalised(rule) in asked[label]}
    return sorted({rule for _, rule in rules} - met)


Accounts = tuple[dict[str, Account], tuple[RequestEntry, ...], list[str]]
"""The accounts by name; the requests of none; notes."""


def _of_codes(
    collected: Collected,
    label: str | None,
    asked: tuple[str, ...] | None,
    by: str | None,
    own_first: bool,
) -> Accounts:
    """Accounts by code, or by path where a test speaks of one."""
    names = _Names(label, None if asked is None else frozenset(asked), paths=by == "said")
    others = collected.others if by else collected.strays
    led = collected.requests
    entries = (*led, *others) if by == "said" else led
    found, strays, possible, notes = matched(entries, names.of, asked or (), own_first)
    more: Counter[str] = Counter()
    for (server, code), count in collected.more.items():
        name = names.named(server, code) if is_code(code) or by == "said" else None
        if name is not None:
            more[name] += count
    accounts = {
        name: _account(name, None, names.path(name), requests, more[name], possible)
        for name, requests in found.items()
    }
    if by != "said":
        strays = [*others, *strays]
    return accounts, tuple(strays) if asked is not None else (), notes


def _of_resources(
    collected: Collected,
    wanted: Collection[tuple[str | None, str]],
    own_first: bool,
    *,
    codes: bool = True,
) -> Accounts:
    """Accounts by server and resource; without `codes`, only of paths that are those of none."""
    places: dict[str, tuple[str, str]] = {}

    def name(server: str, path: str) -> str:
        found = f"{server} {name_of(path)}"
        places.setdefault(found, (server, path))
        return found

    seen = (*(collected.requests if codes else ()), *collected.others)
    entries = [entry for entry in seen if entry.method == "GET" and entry.do is not None]
    there = {normalised(entry.path) for entry in entries}
    begin = [
        name(server or "LOCAL", path)
        for server, path in wanted
        if (codes or path not in CODE_OF_PATH) and (server or path not in there)
    ]
    found, _, possible, notes = matched(
        entries,
        lambda entry: name(entry.server, normalised(entry.path)),
        begin,
        own_first,
        free=True,
    )
    more: Counter[str] = Counter()
    for (server, what), count in collected.more.items():
        more[f"{server} {name_of(what)}"] += count
    places_wanted = frozenset(wanted)
    accounts = {
        name: _account(
            name,
            *places[name],
            requests,
            more[name],
            possible,
            aside=not codes or not _is_wanted(places[name], places_wanted),
        )
        for name, requests in found.items()
        if requests or name in begin
    }
    return accounts, (), notes


def _is_wanted(place: tuple[str | None, str], wanted: frozenset[tuple[str | None, str]]) -> bool:
    """Whether something is to be fetched: everything, if nothing is named."""
    return not wanted or bool({place, (None, place[1])} & wanted)


def _account(
    name: str,
    server: str | None,
    path: str,
    requests: Sequence[RequestEntry],
    more: int,
    possible: dict[str, tuple[RequestEntry, ...]],
    *,
    aside: bool = False,
) -> Account:
    code = CODE_OF_PATH.get(path)
    return Account(
        code=code,
        path=path,
        server=server,
        file_name=file_of_code(code) if code else path.rpartition("/")[2],
        requests=tuple(requests),
        more=more,
        followed=tuple(map(follows, requests[1:], requests)),
        possible=possible.get(name, ()),
        aside=aside,
    )


class _Names(NamedTuple):
    """How accounts are named: by code; by `SERVER CODE` if the server is not known either."""

    label: str | None
    asked: frozenset[str] | None
    paths: bool
    """Whether paths can be asked for, too."""

    def of(self, entry: RequestEntry) -> str | None:
        """The account of a request that follows no redirect; None for one not asked for."""
        return self.named(
            entry.server, entry.code or (normalised(entry.path) if self.paths else None)
        )

    def named(self, server: str, what: str | None) -> str | None:
        """The account of a code, or path."""
        if self.asked is None:
            return what if self.label or not what else f"{server} {what}"
        in_scope = self.label in (None, server)
        return what if in_scope and what in self.asked else None

    @staticmethod
    def path(name: str) -> str:
        """The path of an account."""
        what = name.rpartition(" ")[2]
        return what if what.startswith("/") else path_of_code(what)
