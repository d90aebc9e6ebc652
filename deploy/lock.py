"""Writes `requirements.lock`: one version for every package that any dependency group can pull in.

It decides nothing but versions. Run it with the oldest Python that the project supports: what it picks then also
installs on the newer ones. `make lock` keeps today's versions where they still fit; delete a line to renew it.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# A constraints file: every package that any dependency group of pyproject.toml can pull in, at one version.
# Written by `make lock`; used as `pip install -c requirements.lock --group GROUP`. Names and versions only.
"""


def main() -> int:
    """Resolve all groups together without installing anything and write the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += ["--constraint", str(LOCK), "pip", "wheel", *project["build-system"]["requires"]]
    command += project["project"]["dependencies"]
    for group in project["dependency-groups"]:
        command += ["--group", group]
    report = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    LOCK.write_text(HEADER + "".join(f"{line}\n" for line in pins(json.loads(report))), encoding="utf-8")
    return 0


def pins(report: dict[str, Any]) -> list[str]:
    """The `name==version` lines of pip's installation report, sorted by name."""
    chosen = (entry["metadata"] for entry in report["install"])
    return sorted(f"{canonicalize_name(package['name'])}=={package['version']}" for package in chosen)


if __name__ == "__main__":
    raise SystemExit(main())
