"""A service of twenty lines: says where it listens, serves until SIGTERM, or ends as it is told."""

import argparse
import json
import os
import signal
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports-file", type=Path, required=True)
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--exit-code", type=int, default=0)
    options, others = parser.parse_known_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    print("started with", *others, flush=True)
    if options.never_ready:
        raise SystemExit(f"cannot start: {os.getpid()} was told so")
    draft = options.ports_file.with_suffix(".part")
    draft.write_text(json.dumps({"grpc": 1, "http": 2}))
    draft.rename(options.ports_file)
    signal.sigwait({signal.SIGTERM})
    print("drained", flush=True)
    raise SystemExit(options.exit_code)


if __name__ == "__main__":
    main()
