"""A watched channel: what people post there, and what they see in answer to it."""

import asyncio

from office import ANA, BEN, at_work

INC = "#inc-1042"
EICAR = "44d88612fea8a8f36de82e1278abb02f"


async def quiet(office, seconds=20):
    """Until nothing is due and no round is under way."""
    async with asyncio.timeout(seconds):
        while True:
            await asyncio.sleep(0.05)
            import psycopg

            async with await psycopg.AsyncConnection.connect(office.database, autocommit=True) as connection:
                row = await (
                    await connection.execute(
                        "SELECT (SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'round' AND (status='doing' OR scheduled_at < now() + interval '5s'))"
                    )
                ).fetchone()
                if not row[0]:
                    return


def cards(office, thread, person=BEN):
    return [m for m in office.slack.messages(INC, person, thread=thread.ts) if m.ts != thread.ts]


async def test_one_card(database):
    async with at_work(database) as office:
        import psycopg

        async with await psycopg.AsyncConnection.connect(office.database, autocommit=True) as connection:
            await connection.execute(
                "INSERT INTO watch_channels VALUES ('T0PLAYGRND', 'C0INC10420', 'all', 'U0ANA00001', now())"
            )
        said = (await office.slack.says(ANA, INC, f"we saw {EICAR} and 8.8.8.8")).said
        await quiet(office)
        [card] = cards(office, said)
        print(office.slack.shown(card))
        assert "RISKY" in office.slack.shown(card)[0]
