"""The table of recorded hosts in docs/verdicts.md is what the rules say today."""

from tests.support.replies import RECORDED, recorded
from tools.verdicts import BEGIN, DOCUMENT, END, recordings, table


@recorded
def test_the_table_is_what_the_rules_say():
    """`python -m tools.verdicts FOLDER` writes it anew."""
    _, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    assert BEGIN + rest.partition(END)[0] + END == table(RECORDED)


@recorded
def test_every_recorded_host_is_in_it():
    """Each with the rule's word, none twice."""
    names = [one.name for one in recordings(RECORDED)]
    assert len(names) == len(set(names)) == len(table(RECORDED).splitlines()) - 4
