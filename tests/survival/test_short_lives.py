"""A process that never lives for long still answers, and what a killed one had in its hands is taken over at once."""

import asyncio
import time

from playground.slack.rules import Rule
from tests.support.processes import grounds
from tests.survival.test_survival import Questions, while_virustotal_is_asked

TAKEN_OVER = 20
"""Seconds from the kill until somebody else has answered, the start of a process included."""
LIFE = 2.5
"""Seconds from ready to kill -9: about four from the start of the program."""
MOST_LIVES = 6
"""On a quiet machine it takes two or three."""


async def answered_while_it_lives(questions):
    """Whether all is answered before its life is over."""
    for _ in range(round(LIFE / 0.05)):
        if questions.answered():
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_process_that_is_killed_again_and_again(database, tmp_path):
    """Alone, killed every few seconds: each orphan is answered once, within a few lives, which take 10 s on a quiet machine."""
    async with grounds(database, tmp_path) as place:
        place.slack.forgives(Rule.LATE, Rule.ACK)
        questions = Questions(place)
        bot = await place.bot()
        for _ in range(3):
            await while_virustotal_is_asked(questions, bot)
            await place.up(bot)
            lives = 1
            while not await answered_while_it_lives(questions):
                await bot.killed()
                await place.up(bot)
                lives += 1
            # Counted, since on a busy machine the starts alone may take the 20 s.
            assert lives <= MOST_LIVES
        await questions.settle()


async def test_a_replica_takes_over(database, tmp_path):
    """Of two processes one dies for good: the other has answered within 20 s, once."""
    async with grounds(database, tmp_path) as place:
        place.slack.forgives(Rule.LATE, Rule.ACK)
        questions = Questions(place)
        near = await place.bot(VT_API_URL=place.virustotal.url)
        far = await place.bot(VT_API_URL=place.virustotal.url.replace("127.0.0.1", "localhost"))

        async def kill(request, reply):
            (near if request.url.host == "127.0.0.1" else far).kill()
            return await reply()

        place.virustotal.faults.add("ip-address/report", kill)
        await questions.ask()
        died = time.monotonic()
        await place.slack.until(questions.answered, timeout=TAKEN_OVER)
        assert time.monotonic() - died < TAKEN_OVER
        await questions.settle()
