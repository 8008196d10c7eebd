"""Files on this machine: what is taken, what is refused, and that nothing leads out of the roots."""

import asyncio
import errno
import hashlib
import os
import socket
import tempfile
import threading
import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vt import errors, files
from vt.files import provider
from vt.files.disk import Disk, find, open_part_by_part, open_with_openat2
from vt.files.provider import Roots
from vt.polling import SLOWEST

MIB = 1 << 20
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc and /dev")


@pytest.fixture
def root(tmp_path):
    """A root with something in it, and a secret beside it."""
    (tmp_path / "secret").write_bytes(b"outside")
    folder = tmp_path / "root"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "plain").write_bytes(b"inside")
    (folder / "deep" / "er" / "low").write_bytes(b"inside")
    return folder


@pytest.fixture
def disk(root):
    return Disk(Roots((root,)), limit=10 * MIB)


async def content(source, after_each=lambda: None):
    blocks = []
    async for block in source.chunks():
        blocks.append(block)
        after_each()
    return b"".join(blocks)


async def found(disk, typed):
    return await disk.find(str(typed))


async def read_file(disk, path):
    return await content(await disk.open(str(path)))


# What is read


async def test_a_file_beneath_a_root_is_read_hashed_and_read_again(disk, root):
    """It tells its path as asked, name and size, and gives the same bytes as often as it is read."""
    source = await disk.open(f"{root}/deep/er/low")
    assert (source.path, source.name, source.size) == (f"{root}/deep/er/low", "low", 6)
    assert await content(source) == await content(source) == b"inside"
    assert await files.digest(source) == await disk.digest(source) == hashlib.sha256(b"inside").hexdigest()


async def test_an_empty_file_is_a_file(disk, root):
    """No bytes are content too."""
    (root / "empty").touch()
    assert await read_file(disk, root / "empty") == b""


async def test_blocks_are_at_most_a_mebibyte(disk, root):
    """A larger file comes in several blocks, in order."""
    data = os.urandom(2 * MIB + 5)
    (root / "big").write_bytes(data)
    blocks = [block async for block in (await disk.open(f"{root}/big")).chunks()]
    assert [len(block) for block in blocks] == [MIB, MIB, 5]
    assert b"".join(blocks) == data


async def test_a_large_file_takes_little_memory(root):
    """Hashing and reading 64 MiB never holds more than a few blocks."""
    with (root / "large").open("wb") as file:
        file.truncate(64 * MIB)
    source = await Disk(Roots((root,)), limit=64 * MIB).open(f"{root}/large")
    tracemalloc.start()
    total = await files.digest(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == hashlib.sha256(bytes(64 * MIB)).hexdigest()
    assert peak < 9 * MIB


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        'it\'s "quoted"',
        "two\nlines",
        "--help",
        "-",
        "n" * 255,
        "päth ☃",
        "[x]",
        "~",
        "$(id)",
        "a\\b",
    ],
)
async def test_any_name_that_a_file_can_have_is_fine(disk, root, name):
    """Names are never interpreted."""
    (root / name).write_bytes(name.encode())
    source = await disk.open(f"{root}/{name}")
    assert source.name == name
    assert await content(source) == name.encode()


async def test_a_name_that_is_not_utf8_can_be_shown_stored_and_opened(disk, root):
    r"""What a pattern found is spelled with `\xff`, and that spelling opens the file."""
    raw = os.fsencode(root) + rb"/caf" + b"\xe9" + rb"\xe9 \n"
    (root / os.fsdecode(raw.rpartition(b"/")[2])).write_bytes(b"latin")
    assert await found(disk, root / "caf*") == [rf"{root}/caf\xe9\x5cxe9 \n"]
    source = await disk.open(rf"{root}/caf\xe9\x5cxe9 \n")
    assert source.name.encode() == rb"caf\xe9\x5cxe9 \n"
    assert await content(source) == b"latin"


@given(st.binary(min_size=1))
def test_every_name_is_spelled_in_a_way_that_can_be_read_back(raw):
    """Any bytes that a name may hold become plain text and come back the same."""
    raw = raw.replace(b"\0", b"")
    provider.to_text(raw).encode()
    assert provider.to_bytes(provider.to_text(raw)) == raw


# Patterns


async def test_a_path_without_a_pattern_is_found_as_it_is_written(disk, root):
    """Whether it is there, opening it will tell."""
    assert await found(disk, f"{root}//not-there") == [f"{root}//not-there"]


async def test_stars_and_question_marks_fit_files(disk, root):
    """In names and in folders, sorted; folders and dot files do not fit a star."""
    for name in ("a1", "a2", "a10", ".a3", "ä"):
        (root / name).touch()
    assert await found(disk, root / "a*") == [f"{root}/a1", f"{root}/a10", f"{root}/a2"]
    assert await found(disk, root / "a?") == [f"{root}/a1", f"{root}/a2"]
    assert await found(disk, root / ".a*") == [f"{root}/.a3"]
    assert await found(disk, root / "?") == [f"{root}/ä"]
    assert await found(disk, root / "*/er/l*") == [f"{root}/deep/er/low"]
    assert await found(disk, root / "d*/*/low") == [f"{root}/deep/er/low"]
    assert await found(disk, root / "*") == [f"{root}/{name}" for name in ("a1", "a10", "a2", "plain", "ä")]


async def test_brackets_are_letters(disk, root):
    """Only `*` and `?` are special."""
    (root / "[ab]1").touch()
    (root / "a1").touch()
    assert await found(disk, root / "[ab]*") == [f"{root}/[ab]1"]


async def test_patterns_follow_no_link(disk, root):
    """Links to files and to folders fit nothing, inside or out."""
    (root / "link1").symlink_to(root / "plain")
    (root / "link2").symlink_to(root.parent / "secret")
    (root / "ways").symlink_to(root.parent)
    for pattern in ("link*", "way?/secret", "ways/s*"):
        with pytest.raises((errors.Missing, errors.NotRegular)):
            await found(disk, root / pattern)


async def test_too_many_matches_are_refused_not_cut(disk, root):
    """A hundred are taken, a hundred and one are none."""
    for number in range(provider.MAX_MATCHES):
        (root / f"n{number}").touch()
    assert len(await found(disk, root / "n*")) == provider.MAX_MATCHES
    (root / "n").touch()
    with pytest.raises(errors.TooManyFiles) as refused:
        await found(disk, root / "n*")
    assert refused.value.limit == provider.MAX_MATCHES


def test_too_many_names_end_the_search():
    """A pattern cannot make the bot look at names for ever."""

    def endless(_):
        while True:
            yield provider.Entry(b"folder", is_folder=True, is_file=False)

    with pytest.raises(errors.TooManyNames) as refused:
        provider.expand("/*/*/*", provider.RootedPath(b"/", (b"*", b"*", b"*")), endless, ())
    assert (refused.value.path, refused.value.limit) == ("/*/*/*", provider.MAX_NAMES)


async def test_a_pattern_that_fits_nothing_or_has_no_folder_is_missing(disk, root):
    """Both say Missing, of the pattern."""
    for pattern in ("nothing*", "no-folder/*"):
        with pytest.raises(errors.Missing) as fault:
            await found(disk, root / pattern)
        assert fault.value.path == f"{root}/{pattern}"


# Outside


@pytest.mark.parametrize(
    "typed",
    [
        "{root}/../secret",
        "{root}/deep/../../secret",
        "{root}/deep/../plain",
        "{root}x/plain",
        "{root}/../root/plain",
        "/etc/passwd",
        "//etc/passwd",
        "plain",
        "../plain",
        "~/plain",
        "",
        "/",
        "file://{root}/plain",
        "{root}/*/../../secret",
        "{root}/../*",
    ],
)
async def test_what_is_not_written_beneath_a_root_is_not_allowed(disk, root, typed):
    """Neither found nor opened; the fault repeats the path as it was typed."""
    typed = typed.format(root=root)
    for attempt in (disk.find, disk.open):
        with pytest.raises(errors.NotAllowed) as fault:
            await attempt(typed)
        assert fault.value.path == typed


async def test_without_roots_nothing_is_allowed(root):
    """The default of the settings."""
    with pytest.raises(errors.NotAllowed):
        await Disk(Roots(), limit=MIB).open(f"{root}/plain")


def test_a_root_must_be_absolute():
    """A relative one would depend on where the bot was started."""
    for bad in ("samples", "/srv/../etc"):
        with pytest.raises(ValueError, match="absolute"):
            Roots((Path(bad),))


async def test_a_root_may_be_a_link_and_the_deepest_root_counts(root, tmp_path):
    """The operator's own links are trusted, also when one root is a link inside another."""
    (root / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_bytes(b"x")
    disk = Disk(Roots((root, root / "more")), limit=MIB)
    assert await read_file(disk, root / "more" / "x") == b"x"
    assert await found(disk, root / "more" / "*") == [f"{root}/more/x"]


@pytest.mark.parametrize(
    "target", ["{root}/plain", "plain", "../secret", "{root}/../secret", "loop", "/dev/zero", ""]
)
async def test_a_link_is_refused_wherever_it_leads(disk, root, target):
    """To the inside too: no link is followed, as the last name or in the middle."""
    target = target.format(root=root)
    (root / "loop").symlink_to(target or ".")
    for path in ("loop", "loop/plain", "deep/../loop"):
        with pytest.raises((errors.NotRegular, errors.NotAllowed)):
            await read_file(disk, root / path)
    with pytest.raises(errors.NotRegular):
        await read_file(disk, root / "loop")


# What is no file


async def test_a_folder_a_fifo_and_a_socket_are_not_regular():
    """Refused at once, without waiting for a writer."""
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
        os.mkfifo(f"{short}/fifo")
        os.mkdir(f"{short}/folder")  # noqa: PTH102 - beside mkfifo
        listener.bind(f"{short}/socket")
        disk = Disk(Roots((Path(short),)), limit=MIB)
        for name in ("fifo", "folder", "socket", ""):
            with pytest.raises(errors.NotRegular):
                await disk.open(f"{short}/{name}")
        with pytest.raises(errors.Missing):
            await disk.find(f"{short}/*")


@linux
@pytest.mark.parametrize("name", ["zero", "null", "full", "random", "tty", "fd/0", "stdin", "shm"])
async def test_devices_are_not_regular(name):
    """Nor what /dev has besides, links and folders."""
    with pytest.raises(errors.FileFault) as fault:
        await read_file(Disk(Roots((Path("/dev"),)), limit=MIB), f"/dev/{name}")
    assert isinstance(fault.value, (errors.NotRegular, errors.NotReadable, errors.Missing))


@linux
async def test_a_file_that_says_it_is_empty_and_is_not_has_changed():
    """/proc's files say size 0 and have content: the count does not fit."""
    with pytest.raises(errors.Changed):
        await read_file(Disk(Roots((Path("/proc/self"),)), limit=MIB), "/proc/self/status")


@pytest.mark.parametrize(
    "path", ["nothing", "deep/nothing", "plain/below", "n" * 256, "x/" * 3000, "nul\0", "\ud800"]
)
async def test_what_is_not_there_is_missing(disk, root, path):
    """Also what no file could be called."""
    with pytest.raises(errors.Missing):
        await read_file(disk, f"{root}/{path}")


async def test_a_file_over_the_cap_is_refused_unread(disk, root):
    """A sparse one of a terabyte as well; the fault tells both sizes."""
    with (root / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(errors.FileTooLarge) as fault:
        await disk.open(f"{root}/sparse")
    assert (fault.value.size, fault.value.limit) == (1 << 40, 10 * MIB)


async def test_a_file_of_just_the_cap_is_taken(root):
    """The cap itself fits, a byte more does not."""
    assert await read_file(Disk(Roots((root,)), limit=6), root / "plain") == b"inside"
    with pytest.raises(errors.FileTooLarge):
        await Disk(Roots((root,)), limit=5).open(f"{root}/plain")


@contextmanager
def nobody():
    """Root may read everything: be somebody else for a while."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.fixture
def closed():
    """A folder that anybody may enter, with a file and a folder in it that nobody may read."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        (base / "folder").mkdir()
        (base / "file").touch()
        (base / "folder" / "file").touch()
        for path in (base / "file", base / "folder"):
            path.chmod(0)
        yield base
        (base / "folder").chmod(0o755)


@pytest.mark.parametrize(
    ("method", "path"), [("open", "file"), ("open", "folder/file"), ("find", "folder/*")]
)
async def test_what_permissions_forbid_is_not_readable(closed, method, path):
    """A file and a folder that are closed to the bot, opened or searched."""
    disk = Disk(Roots((closed,)), limit=MIB)
    with nobody(), pytest.raises(errors.NotReadable):
        await getattr(disk, method)(f"{closed}/{path}")


async def test_a_folder_that_is_closed_does_not_hide_the_others(closed):
    """A folder that a wildcard matched is skipped, as in a shell; a folder that was written out must be readable."""
    (closed / "open").mkdir()
    (closed / "open" / "file").touch()
    disk = Disk(Roots((closed,)), limit=MIB)
    with nobody():
        assert await disk.find(f"{closed}/*/file") == [f"{closed}/open/file"]
        with pytest.raises(errors.NotReadable):
            await disk.find(f"{closed}/folder/*")


# What changes


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.open("ab").write(b"more"),
        lambda path: os.truncate(path, MIB + 1),
        lambda path: os.truncate(path, 0),
        lambda path: path.open("r+b").write(b"other"),
        lambda path: os.utime(path, ns=(0, 0)),
    ],
    ids=["grows", "shrinks", "emptied", "rewritten", "touched"],
)
@pytest.mark.filterwarnings("ignore:unclosed file")
async def test_a_file_that_changes_while_it_is_read_is_an_error(disk, root, change):
    """However it changes; and read again later it is still not the file that was taken."""
    path = root / "busy"
    path.write_bytes(bytes(3 * MIB))
    source = await disk.open(str(path))
    with pytest.raises(errors.Changed):
        await content(source, lambda: change(path))
    with pytest.raises(errors.Changed):
        await content(source)


async def test_a_file_replaced_or_removed_after_it_was_taken_is_an_error(disk, root):
    """Another file of the same size under its name is Changed, none is Missing."""
    source = await disk.open(f"{root}/plain")
    (root / "new").write_bytes(b"INSIDE")
    (root / "new").replace(root / "plain")
    with pytest.raises(errors.Changed):
        await content(source)
    (root / "plain").unlink()
    with pytest.raises(errors.Missing):
        await files.digest(source)


@linux
async def test_a_source_that_is_left_half_read_closes_its_file(disk, root):
    """Nothing is left open when an upload breaks."""
    (root / "big").write_bytes(bytes(3 * MIB))
    before = descriptors()
    blocks = (await disk.open(f"{root}/big")).chunks()
    await anext(blocks)
    assert descriptors() == before + 1
    await blocks.aclose()
    assert descriptors() == before


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


# What is uploaded is what was hashed


@dataclass
class ChangingSource:
    """A source that gives something else each time."""

    contents: list
    path: str = "/srv/fickle"
    name: str = "fickle"
    size: int = 6

    async def chunks(self):
        for block in self.contents.pop(0):
            yield block


async def test_a_verified_source_gives_the_content_that_was_hashed():
    """Every block, in order, under the same path, name and size."""
    source = ChangingSource([[b"in", b"si", b"de"]] * 2)
    verified = files.VerifiedSource(source, await files.digest(source))
    assert (verified.path, verified.name, verified.size) == (source.path, source.name, source.size)
    assert await content(verified) == b"inside"


async def test_a_verified_source_with_other_content_is_never_complete():
    """It fails before its last block is given away."""
    source = ChangingSource([[b"in", b"si", b"de"], [b"IN", b"si", b"de"]])
    verified = files.VerifiedSource(source, await files.digest(source))
    blocks = verified.chunks()
    assert [await anext(blocks), await anext(blocks)] == [b"IN", b"si"]
    with pytest.raises(errors.Changed):
        await anext(blocks)


# Any source: counted and timed


async def blocks_of(*blocks, size, seconds=5.0, pause=0.0):
    """What comes of a source that gives these blocks, and nothing more."""
    left = [*blocks, b""]

    async def read_block():
        await asyncio.sleep(pause)
        return left.pop(0)

    return [block async for block in provider.exactly("/srv/x", size, seconds, read_block)]


async def test_as_many_bytes_as_promised_are_passed_on():
    """However they are cut."""
    assert await blocks_of(b"ab", b"c", size=3) == [b"ab", b"c"]
    assert await blocks_of(size=0) == []


@pytest.mark.parametrize("blocks", [(), (b"ab",), (b"ab", b"cd"), (b"abcd",)])
async def test_fewer_or_more_bytes_than_promised_are_a_change(blocks):
    """Neither a short nor a long source passes for whole."""
    with pytest.raises(errors.Changed):
        await blocks_of(*blocks, size=3)


async def test_an_endless_source_is_left_at_the_first_byte_too_many():
    """Nothing beyond its size is read or passed on."""
    reads = 0

    async def read_block():
        nonlocal reads
        reads += 1
        return b"x"

    with pytest.raises(errors.Changed):
        _ = [block async for block in provider.exactly("/srv/x", 10, 5.0, read_block)]
    assert reads == 11


async def test_a_dripping_source_is_given_up_when_its_seconds_are_over():
    """The seconds are for all blocks together, and are told."""
    with pytest.raises(errors.TooSlow) as fault:
        await blocks_of(*[b"x"] * 100, size=100, seconds=0.05, pause=0.01)
    assert (fault.value.path, fault.value.seconds) == ("/srv/x", 0.05)


async def test_a_large_source_may_take_longer():
    """At any size so many seconds, and then at least a quarter of a MiB in each."""
    size = SLOWEST // 4
    half = bytes(size // 2)
    assert sum(map(len, await blocks_of(half, half, size=size, seconds=0.05, pause=0.06))) == size


async def test_the_time_that_the_reader_takes_is_not_the_sources_fault():
    """A slow upload does not make a file too slow."""
    read_block = iter([b"a", b"b", b""])

    async def quick():
        return next(read_block)

    async for _ in provider.exactly("/srv/x", 2, 0.05, quick):
        await asyncio.sleep(0.06)


# openat2, and the fallback without it


OPENERS = [open_with_openat2, open_part_by_part]


def opened(open_path, root, parts):
    """What one of the two functions reads there, or the error's number."""
    fd = os.open(root, os.O_RDONLY)
    try:
        with open(open_path(fd, parts, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
            return file.read()
    except OSError as error:
        return error.errno
    finally:
        os.close(fd)


@linux
@pytest.mark.parametrize("open_path", OPENERS, ids=["openat2", "part by part"])
@pytest.mark.parametrize("swapped", ["leaf", "folder"])
def test_no_swap_between_look_and_open_leads_out(open_path, swapped, root):
    """While a name is made to be by turns a file or folder inside and a link to the outside, only the inside is read."""
    (root.parent / "out").mkdir()
    (root.parent / "out" / "leaf").write_bytes(b"outside")
    (root / "folder").mkdir()
    (root / "folder" / "leaf").write_bytes(b"inside")
    target = root / "folder" / "leaf" if swapped == "leaf" else root / "folder"
    link, kept = root / "link", root / "kept"
    link.symlink_to(root.parent / "out" / "leaf" if swapped == "leaf" else root.parent / "out")
    done = threading.Event()

    def swap():
        while not done.is_set():
            target.rename(kept)
            link.rename(target)
            target.rename(link)
            kept.rename(target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set()
        for number in range(100_000):
            seen.add(opened(open_path, root, (b"folder", b"leaf")))
            if number > 4000 and {b"inside", errno.ELOOP} <= seen:
                break
    finally:
        done.set()
        thread.join()
    assert {b"inside", errno.ELOOP} <= seen
    assert seen <= {b"inside", errno.ELOOP, errno.ENOENT, errno.ENOTDIR}


NAMES = [
    "..",
    ".",
    "",
    "plain",
    "deep",
    "er",
    "low",
    "out",
    "abs",
    "loop",
    "fifo",
    "*",
    "?",
    "l*",
    "secret",
    "root",
    "\\x2e\\x2e",
]
PATHS = st.tuples(
    st.sampled_from(["", "/", "{root}", "{root}/", "{root}/../", "//", "{root}/deep"]),
    st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), max_size=7),
).map(lambda made: made[0] + "/".join(made[1]))


@pytest.fixture(scope="module")
def maze(tmp_path_factory):
    """A root full of ways out, with only "inside" in it and only "outside" about it."""
    base = tmp_path_factory.mktemp("maze")
    root = base / "root"
    (root / "deep" / "er").mkdir(parents=True)
    for path in (root / "plain", root / "deep" / "low", root / "deep" / "er" / "plain"):
        path.write_bytes(b"inside")
    for path in (base / "plain", base / "secret", base / "low"):
        path.write_bytes(b"outside")
    for folder in (root, root / "deep"):
        (folder / "out").symlink_to("..")
        (folder / "abs").symlink_to(base)
        (folder / "loop").symlink_to("loop")
        (folder / "secret").symlink_to(base / "secret")
    os.mkfifo(root / "fifo")
    return root


@settings(max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=PATHS)
@pytest.mark.slow
def test_five_thousand_paths_stay_within_the_root(maze, path):
    """Whatever is asked, found or opened, with either function: the inside or a fault."""
    typed = path.replace("{root}", str(maze))
    try:
        located = Roots((maze,)).locate(typed)
        meant = [located.root + b"/" + b"/".join(located.parts), *matches(typed, located)]
    except errors.FileFault:
        return
    for one in meant:
        where = Roots((maze,)).locate(provider.to_text(one))
        openat2, fallback = (opened(open_path, where.root, where.parts) for open_path in OPENERS)
        assert openat2 == fallback
        assert openat2 in (b"inside", b"") or isinstance(openat2, int), "b'' is the FIFO"


def matches(typed, located):
    """What a pattern fits; a path without one fits itself."""
    return (
        [provider.to_bytes(path) for path in find(typed, located)]
        if any(map(provider.is_pattern, located.parts))
        else []
    )
