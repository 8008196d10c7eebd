"""Whole turns with mutated replies: looked up, stored, read again, judged, and shown in every way that people may see.

python -m tests.support.mutated_replies 200000 [SEED]
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from bot.database import Database
from bot.postgres import Server
from bot.startup import prepare
from handlers.request import Verb
from tests.support import turn_oracles
from tests.support.mutated_bodies import body_of, mutated, receipt, samples, shortened, unknown, varied
from tests.support.mutated_deliveries import delivered
from tests.support.whole_turn import Storage, world

PAGES = (
    *(
        Verb.DETAILS,
        Verb.DETAILS,
        Verb.WHY,
        Verb.CSV,
        Verb.JSON,
        Verb.HOME,
        Verb.CARD,
        Verb.COMMENTS,
        Verb.RESCAN_COST,
    ),
    *(Verb.SHARE, Verb.RECHECK, Verb.RESCAN, Verb.SUBMIT),
)
PAGES_A_CASE = 2
"""Besides the answer itself: over thousands of cases, all of them are seen of every kind of reply."""
TURNS = (1, 1, 1, 4, 10, 25)
"""How many indicators a turn is about."""
EXCHANGED = 0.1
"""In how many turns about several the replies to two of them are exchanged."""
WHOLE = 0.02
"""How many of the recorded replies are taken in their full length."""
DOUBLED = 0.05
"""In how many turns about several one of them is reported on twice, in two ways."""
DELIVERED = 0.15
"""In how many of the turns about one indicator the reply does not arrive as plain JSON."""
FILES = 0.08
"""How many of the turns about one indicator are about a file."""
UPLOADED = 0.5
"""In how many turns about a file VirusTotal does not know it, or somebody wants it uploaded all the same."""
UNCHANGED = 0.5
"""Of how many replies that arrive in another way nothing else is changed."""
THOROUGH = 0.1
"""Of how many messages each block is checked in a long run: that takes longer than everything else together."""


async def fault(bot, asked, chance, stored=None, thorough=1.0):
    """What is wrong with a turn about these samples, and with all that is shown of it; "" when nothing is.

    `thorough`: of how many messages each block is checked.
    """
    bot.renew(stored, chance)
    try:
        answers = await _everything(bot, asked, chance)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"crash: {_place(error)}: {type(error).__name__}: {str(error)[:200]}"
    wrong = (_verdict_fault(bot, asked, case) for case in answers)
    return next(filter(None, wrong), "") or next(_shown_faults(bot, chance, thorough), "")


def _place(error):
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename.rpartition('/')[2]}:{frame.tb_lineno}"


async def _everything(bot, asked, chance):
    """Ask, and look at some of what there is to see of the answer. Returns the cases of the answers."""
    bot.sha256 = asked[0].value
    name = await bot.asks(asked)
    answers = [name]
    if asked[0].action == "scan-file" and chance.random() < UPLOADED:
        answers += await bot.uploads(name)
    for verb in chance.sample(PAGES, PAGES_A_CASE):
        if verb is Verb.CARD and asked[0].action != "scan-file":
            answers.append(await _card(bot, asked, chance))
        else:
            await _look_at(verb, bot, asked, chance.choice(answers), chance)
    return [await bot.stored.store.case(one) for one in answers]


async def _card(bot, asked, chance):
    """A card in a watched channel, which half of the time others post the same after. Returns its case's id."""
    [card] = await bot.posts(asked)
    assert not card.progress.failures, "the card could not be posted"
    for _ in range(chance.choice((0, 0, 1, 2))):
        repeated = await bot.posts(chance.sample(asked, chance.randint(1, len(asked))), user="U3")
        assert not any(one.progress.failures for one in repeated), "the card could not be edited"
    return card.case.request.id


async def _look_at(verb, bot, asked, name, chance):
    match verb:
        case Verb.DETAILS | Verb.WHY:
            part = chance.choice(("fields", "engines", "samples", "resolutions", "subdomains"))
            await bot.opens(
                verb, name, f"{chance.randrange(len(asked))}:{part}:{chance.choice((0, 0, 1, 9))}"
            )
        case Verb.COMMENTS | Verb.RESCAN_COST:
            await bot.opens(verb, name)
        case Verb.HOME:
            await bot.opens_home()
        case Verb.CARD:
            """Files are not looked up in watched channels."""
        case _:
            await bot.presses(verb, name)


def _verdict_fault(bot, asked, case):
    together = turn_oracles.reports([*bot.replies.values(), *bot.doubles.values()])
    for sample, lookup in zip(asked, case.lookups, strict=True):
        is_host = sample.action in turn_oracles.HOSTS
        found = turn_oracles.reports([bot.replies[sample.value]]) if is_host else together
        in_a_batch = not is_host and sample.value not in bot.alone
        if wrong := _wrong_state(bot, sample, lookup, found, in_a_batch=in_a_batch):
            return f"{wrong} | {sample.value} | {bot.replies[sample.value][:3000]}"
    return ""


def _wrong_state(bot, sample, lookup, found, *, in_a_batch):
    state = lookup.finding(bot.now).state.name
    if state == "CLEAN" and not turn_oracles.may_be_clean(sample, found):
        return "false CLEAN"
    if state == "CLEAN" and in_a_batch and not turn_oracles.names_clean(sample, found):
        return "false CLEAN by an entry of a batch that names nothing"
    if (
        state == "CLEAN"
        and in_a_batch
        and turn_oracles.is_contradicted(sample, bot.doubles.get(sample.value))
    ):
        return "false CLEAN, which another entry contradicts"
    if state in ("CLEAN", "UNKNOWN") and turn_oracles.is_flagged(sample, found):
        return f"false {state}"
    if state == "RISKY" and not turn_oracles.may_be_risky(sample, found, lookup.threshold):
        return "false RISKY"
    return ""


def _shown_faults(bot, chance, thorough):
    for kind, payload in bot.session.shown:
        if kind == "file":
            yield from _file_faults(payload.decode())
            continue
        yield from turn_oracles.length_faults(payload)
        if chance.random() < thorough:
            yield from turn_oracles.block_faults(payload)
        yield from turn_oracles.text_faults(json.dumps(payload, ensure_ascii=False))
        if kind == "message":
            yield from (f"terminal: {one}" for one in turn_oracles.text_faults(bot.in_terminal(payload)))


def _file_faults(content):
    """The raw replies in the JSON are VirusTotal's own and unchanged; a table is for people."""
    if content.startswith(("[", "{")):
        json.loads(content)
    else:
        yield from (
            f"csv: {one}"
            for one in turn_oracles.text_faults(content.removeprefix("\ufeff").replace("\r\n", "\n"))
        )


async def run(bot, count, seed, database=None, thorough=1.0):
    """So many mutated replies; the faults, each with how often it occurred and one turn that causes it.

    With a database, every fiftieth turn is stored there.
    """
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        return await _run(bot, count, seed, database, thorough)
    finally:
        structlog.configure(**before)


async def _run(bot, count, seed, database, thorough):
    chance = random.Random(seed)  # noqa: S311 - not a secret
    known, faults, examples = samples(), Counter(), {}
    turns = 0
    while count > 0:
        wanted = chosen_turn(bot, known, chance)
        count -= len(wanted)
        turns += 1
        stored = Storage.in_postgresql(database, turns) if database and turns % 50 == 0 else None
        if wrong := await fault(bot, wanted, chance, stored, thorough):
            kind = wrong.partition(" | ")[0][:70]
            faults[kind] += 1
            examples.setdefault(kind, (wrong, [sample.value for sample in wanted], str(bot.replies)[:800]))
    return faults, examples


def chosen_turn(bot, known, chance):
    """The samples of one turn, whose mutated replies VirusTotal will send."""
    size = chance.choice(TURNS)
    is_file = size == 1 and chance.random() < FILES
    known = [sample for sample in known if (sample.action == "scan-file") is is_file]
    asked = [_chosen(known, chance) for _ in range(size)]
    bot.deliveries, bot.doubles = {}, {}
    if size == 1:
        _one(bot, asked[0], chance)
    else:
        asked = [varied(sample, number) for number, sample in enumerate(asked)]
        _several(bot, asked, chance)
    bot.replies[""] = chance.choice(list(bot.replies.values()))
    if asked[0].action == "scan-file" and chance.random() < UPLOADED:
        # Unknown until it is uploaded; the analysis is polled by its scan_id.
        bot.deliveries = {}
        bot.replies[asked[0].value] = body_of(mutated(unknown(asked[0].value), chance), chance)
    return asked


def _one(bot, sample, chance):
    bot.replies = {sample.value: body_of(mutated(sample.raw, chance), chance)}
    bot.receipt = body_of(mutated(receipt(sample.value), chance), chance)
    if chance.random() < DELIVERED:
        raw = sample.raw if chance.random() < UNCHANGED else mutated(sample.raw, chance)
        bot.deliveries = {sample.value: delivered(json.dumps(raw).encode(), chance)}
        bot.replies = {sample.value: bot.deliveries[sample.value].truth}


def _several(bot, asked, chance):
    bot.replies = {sample.value: json.dumps(mutated(sample.raw, chance)).encode() for sample in asked}
    names = chance.sample(list(bot.replies), min(2, len(bot.replies)))
    if chance.random() < EXCHANGED:
        bot.replies |= dict(zip(names, [bot.replies[name] for name in reversed(names)], strict=True))
    elif chance.random() < DOUBLED:
        sample = chance.choice(asked)
        bot.doubles = {sample.value: json.dumps(mutated(sample.raw, chance)).encode()}


def _chosen(known, chance):
    sample = chance.choice(known)
    return sample if chance.random() < WHOLE else shortened(sample, chance)


async def _main(count, seed, url):
    started = time.process_time()
    database = Database(url)
    async with world() as bot:
        faults, examples = await run(bot, count, seed, database, THOROUGH)
    await database.close()
    for kind, times in faults.most_common():
        print(times, *examples[kind], sep="\n  ")  # noqa: T201 - a program for the terminal
    speed = count / (time.process_time() - started)
    print(f"{sum(faults.values())} faults in {count} cases, {speed:.0f} a second and core", flush=True)  # noqa: T201


if __name__ == "__main__":
    with TemporaryDirectory(prefix="vtbot-state-") as folder, Server(Path(folder)).used() as server:
        prepare(server)
        asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, server))
