"""Sentences about the instances of VirusTotal: which one answered, and why one does not. They are plain text."""

from collections.abc import Mapping

from handlers.people import InstanceForbidden, InstanceRefused, InstanceRemoved, InstanceUnknown
from handlers.text.about import quota
from handlers.text.format import Audience, Sentence, beside, said, typed
from handlers.text.language import Line, enumerated, join, line, sentences
from handlers.text.language import lazy_gettext as _

LONGEST = 40
"""Characters of a name."""
REFUSALS: Mapping[type[InstanceRefused], str] = {
    InstanceUnknown: _("There is no VirusTotal instance called {name}."),
    InstanceForbidden: _("You can't use the VirusTotal instance {name} here."),
    InstanceRemoved: _("The VirusTotal instance {name} is no longer set up, so I did not look this up."),
}
"""Why an instance does not answer, by the error."""
ASK: Sentence = said("Choose another one in /vt settings or with --instance, or ask {whoever}.")
HINT = _("Whose key and quota are used, unless a command says --instance.")
HELP = ("--instance NAME", _("ask that VirusTotal instance, with its own key and quota"))
FIRST = _("Default: as the operator set it")


def refused(why: InstanceRefused, audience: Audience) -> str:
    """What to tell somebody: the reason, and which instances they may use."""
    reason = line(REFUSALS[type(why)], name=typed(why.name, LONGEST))
    if why.usable:
        return sentences(reason, line("You can use: {names}.", names=enumerated(why.usable)))
    return sentences(reason, ASK.to(audience))


def answered_by(name: str) -> Line:
    """The last line of an answer."""
    return line("VirusTotal instance: {name}", name=name)


def titled(title: str, name: str) -> str:
    """A title, with the instance that it is about; "" where there is no choice."""
    return beside(title, name) if name else title


def quotas(found: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """The calls used and allowed in each window, for each instance by name."""
    return join("\n", [part for name, left in found.items() for part in (answered_by(name), quota(left))])
