#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the core's symbol table (lib/symbols.h) from the functions of its first link.

usage: gensyms.py ELF OUTPUT.S

Each entry is the function's address and its name. Only functions in the core's own sections are
taken; the table must not move them, so it lies behind them (core.lds).
"""
import subprocess
import sys


def functions(elf):
    out = subprocess.run(['nm', '-n', elf], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in out.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in 'tT' and not fields[2].startswith('.'):
            address = int(fields[0], 16)
            if address >= 1 << 63:
                found.setdefault(address, fields[2])
    return sorted(found.items())


def main():
    elf, output = sys.argv[1:]
    symbols = functions(elf)
    with open(output, 'w', encoding='ascii') as out:
        out.write('/* Made by lib/gensyms.py. */\n'
                  '\t.section .symbols, "a", @progbits\n'
                  '\t.globl symbols\n'
                  '\t.balign 8\n'
                  'symbols:\n')
        for i, (address, _) in enumerate(symbols):
            out.write(f'\t.quad {address:#x}, .Lname{i}\n')
        out.write('\t.quad 0, 0\n')
        for i, (_, name) in enumerate(symbols):
            out.write(f'.Lname{i}: .asciz "{name}"\n')
        out.write('\t.section .note.GNU-stack, "", @progbits\n')


if __name__ == '__main__':
    main()
