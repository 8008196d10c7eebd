"""Two workspaces and an organisation over replicas that are killed: nobody sees anything of the others, and all is answered once."""

from tests.bench.workspaces import deliver_while_killing, is_well, lines, run


async def test_several_workspaces_while_replicas_are_killed(database, tmp_path):
    """Ids of people, channels and files are the same in two of them; one removes the app half-way, and comes back.

    `python -m tests.bench.workspaces` is the same with 10,000 deliveries.
    """

    def story(places):
        return deliver_while_killing(places, 4, 240, 15, 20)

    places = await run(database, tmp_path, story, imported=True)
    said = "\n".join(lines(places, database))
    assert places.first.kills
    assert is_well(places), said
    assert ["isn't installed in your workspace" in told for told in places.told] == [True] * 3
    assert all(place.report().accepted > 50 and place.slack.faults == [] for place in places.runs.values()), (
        said
    )
