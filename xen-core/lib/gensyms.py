#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the core's symbol table (lib/symbols.h) from the functions of its first link.

usage: gensyms.py ELF OUTPUT.S

Each entry is the function's distance from the first one and the offset of its name. Only functions
in the core's own sections are taken; the table must not move them, so it has a section at the end.
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
    base = symbols[0][0] if symbols else 0
    offset = 0
    with open(output, 'w', encoding='ascii') as out:
        out.write('/* Made by lib/gensyms.py. */\n'
                  '\t.section .symbols, "a", @progbits\n'
                  '\t.globl symbols_count, symbols_table, symbols_names\n'
                  '\t.balign 8\n'
                  f'symbols_count:\n\t.long {len(symbols)}\n\t.balign 8\n'
                  f'symbols_table:\n\t.quad {base:#x}\n')
        for address, name in symbols:
            out.write(f'\t.long {address - base:#x}, {offset}\n')
            offset += len(name) + 1
        out.write('symbols_names:\n')
        for _, name in symbols:
            out.write(f'\t.asciz "{name}"\n')
        out.write('\t.section .note.GNU-stack, "", @progbits\n')


if __name__ == '__main__':
    main()
