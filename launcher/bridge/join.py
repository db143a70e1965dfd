#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts the bridge in front of the core: join.py BRIDGE CORE OUTPUT."""

import pathlib
import struct
import sys


def main(bridge, core, output):
    front, body = bytearray(bridge.read_bytes()), core.read_bytes()
    # The core's Multiboot2 header, its address tag, its entry tag.
    magic, _, _, _, address_tag, _, _, load, _, memory_end, entry_tag = struct.unpack_from(
        "<11I", body)
    start, = struct.unpack_from("<I", front, 16)
    if (magic, address_tag, entry_tag) != (0xe85250d6, 2, 3) or start + len(front) != load:
        sys.exit(f"{core} does not begin as the bridge expects it")
    struct.pack_into("<II", front, 20, load + len(body), memory_end)
    output.write_bytes(front + body)


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
