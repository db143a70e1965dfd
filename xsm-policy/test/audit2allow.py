#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""REQ flask/7: Debian's audit2allow makes rules of the core's denials, and these cure them. The
same with bulkhead-policy rules: audit2allow.py BUILD ASK TOOL POLICY"""
import os
import subprocess
import sys
import tempfile

U = 'system_u:system_r:'
DENIED = [(U + 'store_t', U + 'xen_t', 'xen', 'physinfo'),
          (U + 'dom0_t', U + 'xen_t', 'xen', 'kexec'),
          (U + 'dom0_t', U + 'domU_t', 'domain2', 'mem_access'),
          (U + 'netdom_t', U + 'stordom_t', 'grant', 'map_read'),
          (U + 'netdom_t', U + 'stordom_t', 'grant', 'map_write'),
          (U + 'domU_t', 'system_u:object_r:security_t', 'security', 'compute_av'),
          ('system_u:object_r:domU_t_channel', U + 'pvshim_t', 'event', 'bind'),
          (U + 'stubdom_t', 'system_u:object_r:nic_t', 'resource', 'use_iommu')]


def call(command, text=None, good=(0,)):
    r = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if r.returncode not in good:
        sys.exit(f'{command} ended with {r.returncode}:\n{r.stdout}{r.stderr}')
    return r.stdout


def main():
    build, ask, tool, policy = sys.argv[1:]
    questions = ''.join(' '.join(q) + '\n' for q in DENIED)
    log = call([ask, policy], questions, (1,))
    if log.count('avc:  denied') != len(DENIED):
        sys.exit(f'not all was denied, or not logged:\n{log}')
    with tempfile.TemporaryDirectory() as folder:
        logfile = os.path.join(folder, 'log')
        with open(logfile, 'w', encoding='utf-8') as f:
            f.write(log)
        for maker in (['audit2allow', '-p', policy, '-i', logfile], [tool, policy, 'rules']):
            rules = call(maker, log)
            if rules.count('allow ') < len(DENIED) - 1:
                sys.exit(f'{maker[0]} gives too few rules:\n{rules}')
            extra, cured = os.path.join(folder, 'extra'), os.path.join(folder, 'cured')
            with open(extra, 'w', encoding='utf-8') as f:
                f.write(rules)
            call([build, '--output', cured, '--extra', extra])
            left = call([ask, cured], questions, (0, 1))
            if left:
                sys.exit(f'{maker[0]}: denied still:\n{left}')
            print(f'{maker[0]}: {len(DENIED)} denials cured')
    explained = call([tool, policy, 'explain'], log)
    if explained.count('No rule allows it') != len(DENIED):
        sys.exit(f'not all is explained:\n{explained}')


if __name__ == '__main__':
    main()
