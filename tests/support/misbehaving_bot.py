"""Calls that a bad bot would make of a stand-in workspace, and what it would send."""

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

GENERAL, INCIDENT, SECRET, ARCHIVED = "C0GENERAL1", "C0INC10420", "C0SECRET01", "C0ARCHIVED"
ANA = "U0ANA00001"


def plain(text):
    return {"type": "plain_text", "text": text}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**more):
    return {"type": "button", "text": plain("Press"), **more}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


def modal(*blocks, **more):
    return {"type": "modal", "title": plain("Title"), "blocks": list(blocks), **more}


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


async def calls(slack, method, token=None, **arguments):
    """What Slack answers to a call: 'ok' or its word for the error."""
    client = AsyncWebClient(token=token or slack.bot_token, base_url=slack.api_url)
    try:
        await client.api_call(method, json=arguments)
    except SlackApiError as error:
        return error.response["error"]
    return "ok"


async def responds(slack, hook, **content):
    """Status and body of a POST to a response_url."""
    reply = await AsyncWebhookClient(slack.state.hook_url(hook)).send_dict(content)
    return reply.status_code, reply.body


def hook(slack, channel="#general"):
    return slack.state.hook(slack.person("ana"), slack.state.channel(channel))


async def posts(slack, **content):
    return await calls(slack, "chat.postMessage", channel=GENERAL, **{"text": "words", **content})
