"""Java programs from Maven Central: only what `make test-cluster` needs."""

import shutil
import subprocess
import tarfile
from pathlib import Path

from local import PROJECT

HOME = PROJECT / "build" / "java"
TOOLS = ("java", "mvn")
_POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>stock-sync</groupId><artifactId>{name}</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>
"""
_SECONDS = 900
SMALL = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A server for a few tests: it starts soon and takes little."""
PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where such a server finds java and the shell's tools, whatever the caller's environment is."""


class JavaMissing(RuntimeError):
    """This machine has no Java or no Maven."""


def missing() -> str:
    """Say which program is missing; empty if none."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed" if absent else ""


def classpath(group: str, artifact: str, version: str) -> str:
    """Fetch a library with everything it needs, once, and return its class path."""
    folder = HOME / f"{artifact}-{version}"
    written = folder / "classpath"
    if not written.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pom = _POM.format(name=artifact, group=group, artifact=artifact, version=version)
        (folder / "pom.xml").write_text(pom)
        _maven(folder, "dependency:build-classpath", f"-Dmdep.outputFile={written}.new")
        Path(f"{written}.new").rename(written)
    return written.read_text().strip()


def unpacked(group: str, artifact: str, version: str, classifier: str) -> Path:
    """Fetch a program that comes as a .tar.gz, once, and return its folder."""
    folder = HOME / f"{artifact}-{version}-{classifier}"
    if not folder.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        what = f"{group}:{artifact}:{version}:tar.gz:{classifier}"
        _maven(HOME, "dependency:copy", f"-Dartifact={what}", f"-DoutputDirectory={HOME}")
        archive = HOME / f"{artifact}-{version}-{classifier}.tar.gz"
        with tarfile.open(archive) as packed:
            packed.extractall(folder.with_suffix(".new"), filter="data")
        folder.with_suffix(".new").rename(folder)
        archive.unlink()
    return folder


def _maven(folder: Path, *words: str) -> None:
    if absent := missing():
        raise JavaMissing(f"{absent}: install a JDK of version 17 or newer and Maven")
    done = subprocess.run(
        ["mvn", "--batch-mode", "--quiet", *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"mvn {' '.join(words)} failed: {(done.stdout + done.stderr)[-2000:]}")
