"""The package vt-py, VirusTotal v3: one indicator after another, or 8 at once with its asyncio methods (variant "async")."""

import asyncio

from job import Job

import vt

AT_ONCE = 8
PATHS = {"hash": "/files/{}", "url": "/urls/{}", "ip": "/ip_addresses/{}", "domain": "/domains/{}"}


def path(kind, value):
    return PATHS[kind].format(vt.url_id(value) if kind == "url" else value)


def note(value, error=None):
    """Unknown (NotFoundError) is an answer."""
    job.called()
    job.answer(value, refused=error is not None and error.code == "QuotaExceededError")


def one_after_another():
    with vt.Client("bench", host=job.v3) as client:
        for kind, value in job.indicators:
            try:
                client.get_object(path(kind, value))
            except vt.APIError as error:
                note(value, error)
            else:
                note(value)


async def at_once():
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(client, kind, value):
        async with slots:
            try:
                await client.get_object_async(path(kind, value))
            except vt.APIError as error:
                note(value, error)
            else:
                note(value)

    async with vt.Client("bench", host=job.v3) as client:
        await asyncio.gather(*(one(client, kind, value) for kind, value in job.indicators))


job = Job()
if job.variant == "async":
    asyncio.run(at_once())
else:
    one_after_another()
job.report()
