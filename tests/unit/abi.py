#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/abi.md: every operation of Xen 4.17's ABI, and what this core does with it.

usage: abi.py [--write] SOURCE-ROOT ABI-DUMP

Made from the core's own tables (tests/unit/abi_dump.c prints them), from the sources of the units
that choose by `switch`, from the permissions' lists of operations, and from Xen's public headers.
Without --write it is a test (REQ core/control: docs/abi.md is complete and true). It fails when
  - an operation number of the headers is neither in a table nor in a unit's source nor a reason is given here;
  - an offered operation has no permission, or not the one that xsm-policy/access_vectors says;
  - docs/abi.md differs from what this makes.
"""
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

HEADERS = Path('/usr/include/xen')

# Operations of the headers: hypercall, header, pattern of the names, what to leave out.
GROUPS = [
    ('xen_version', 'version.h', r'XENVER_\w+', None),
    ('memory_op', 'memory.h', r'XENMEM_[a-z]\w*', r'XENMEM_(paging|sharing|access|resource)_\w+_\w+'
     r'|XENMEM_(sharing|access)_op_\w+|XENMEM_resource_\w+|XENMEM_paging_op_\w+'),
    ('event_channel_op', 'event_channel.h', r'EVTCHNOP_\w+', None),
    ('grant_table_op', 'grant_table.h', r'GNTTABOP_\w+', None),
    ('sched_op', 'sched.h', r'SCHEDOP_[a-z]\w+', r'SCHEDOP_\w+_NOSUCH'),
    ('vcpu_op', 'vcpu.h', r'VCPUOP_\w+', None),
    ('vm_assist', 'xen.h', r'VMASST_TYPE_\w+', None),
    ('hvm_op', 'hvm/hvm_op.h', r'HVMOP_[a-z]\w+', r'HVMOP_altp2m_\w+|HVMOP_\w*_(set|cmd)_\w+x'),
    ('xsm_op', 'xsm/flask_op.h', r'(?:BULKHEAD_)?FLASK_[A-Z]\w+', None),
    ('console_io', 'xen.h', r'CONSOLEIO_\w+', None),
    ('physdev_op', 'physdev.h', r'PHYSDEVOP_(?:[a-z]\w+|IRQ_UNMASK_NOTIFY)', None),
    ('platform_op', 'platform.h', r'XENPF_[a-z]\w+', None),
    ('sysctl', 'sysctl.h', r'XEN_SYSCTL_[a-z]\w+', r'XEN_SYSCTL_(pm_op_|cpu_featureset_|cpu_policy_)\w+'),
    ('domctl', 'domctl.h', r'XEN_DOMCTL_[a-z]\w+', r'XEN_DOMCTL_(vmtrace_(enable|disable|reset\w+'
     r'|output\w+|get\w+|set\w+))|XEN_DOMCTL_soft_reset_cont'),
]

# Units that choose by name in their source: the files of each group that has no table.
SOURCES = {
    'event_channel_op': ('event/evtchn.c',),
    'grant_table_op': ('grant/grant.c',),
    'sched_op': ('sched/sched_op.c',),
    'vcpu_op': ('domain/vcpu.c',),
    'vm_assist': ('domain/vcpu.c',),
    'hvm_op': ('hvm/hvm_op.c',),
    'xsm_op': ('xsm/flask_op.c',),
}

# What those answer with an error although they know it, and remarks. Everything that they do not
# know is -ENOSYS.
REFUSED = {
    'EVTCHNOP_bind_pirq': ('-EINVAL', 'No domain has physical interrupts.'),
    'VMASST_TYPE_4gb_segments': ('-EINVAL', 'PV guests only.'),
    'VMASST_TYPE_4gb_segments_notify': ('-EINVAL', 'PV guests only.'),
    'VMASST_TYPE_writable_pagetables': ('-EINVAL', 'PV guests only.'),
    'VMASST_TYPE_pae_extended_cr3': ('-EINVAL', 'PV guests only.'),
    'VMASST_TYPE_architectural_iopl': ('-EINVAL', 'PV guests only.'),
    'VMASST_TYPE_m2p_strict': ('-EINVAL', 'PV guests only.'),
    'GNTTABOP_get_status_frames': ('-ENOSYS', 'Version 1 has no status frames. PV guests only, in Xen.'),
    'GNTTABOP_cache_flush': ('-ENOSYS', 'Other architectures only.'),
    'GNTTABOP_transfer': ('-ENOSYS', 'PV guests only, in Xen too.'),
    'GNTTABOP_dump_table': ('-ENOSYS', 'Debug key g.'),
    'HVMOP_altp2m': ('-EOPNOTSUPP', 'No alternative guest-physical maps.'),
    'HVMOP_pagetable_dying': ('-EINVAL', 'A hint for shadow paging. As Xen with nested paging.'),
}
NOTES = {
    'XENVER_version': 'Everyone needs it to use the ABI.',
    'XENVER_compile_info': 'No date or host: builds are reproducible.',
    'XENVER_capabilities': 'HVM and PVH guests only.',
    'XENVER_platform_parameters': 'A constant of the ABI.',
    'XENVER_get_features': 'Constants, and whether the caller is the control domain. No hvm_pirqs.',
    'XENVER_build_id': '-ENODATA: the image has none.',
    'CONSOLEIO_write':
        "At most 64 KiB a call. Dom0's goes to the serial port; others': 60 lines a second.",
    'XENPF_enter_acpi_sleep': 'S5 only: shuts the control domain down, and the host with it.',
    'XENPF_get_symbol': 'Functions only.',
    'XEN_SYSCTL_physinfo': 'One node, whatever the host has.',
    'XEN_SYSCTL_sched_id': 'Always credit2.',
    'XEN_SYSCTL_getdomaininfolist':
        'getdomaininfo is asked of each domain; a denied one is left out.',
    'XEN_SYSCTL_debug_keys': 'At most 16 keys a call.',
    'XEN_SYSCTL_numainfo': 'One node.',
    'XEN_SYSCTL_cpupool_op':
        'One pool with all CPUs: information, and moving a domain to pool 0. Else '
        '-EOPNOTSUPP.',
    'XEN_SYSCTL_get_cpu_featureset': "PV's are -EOPNOTSUPP.",
    'XEN_SYSCTL_get_cpu_policy': "PV's are -EOPNOTSUPP; no policy has MSRs.",
    'XEN_DOMCTL_createdomain':
        'domain create, asked by domain_create(). Only HVM and PVH with nested paging; grant '
        'tables version 1; no IOMMU, nested virtualisation, vPMU, or trace buffer: -EINVAL.',
    'XEN_DOMCTL_getdomaininfo': 'As in Xen: the first domain at or after the id.',
    'XEN_DOMCTL_getvcpucontext':
        'Registers, control registers and bases of segments, for xl dump-core; no FPU state.',
    'XEN_DOMCTL_scheduler_op': 'credit2 only.',
    'XEN_DOMCTL_irq_permission':
        'Granting is -EPERM: the caller has no interrupt to give. So are the next two.',
    'XEN_DOMCTL_sendtrigger':
        'NMI. Power and sleep buttons, which a guest here does not have, are -EOPNOTSUPP; Xen '
        'takes them for such a guest and does nothing.',
    'XEN_DOMCTL_gethvmcontext':
        'Records HEADER and MTRR alone, with which builders begin: no guest is saved and restored.',
    'XEN_DOMCTL_sethvmcontext':
        'HEADER, CPU and MTRR; others are -EINVAL.',
    'XEN_DOMCTL_get_cpu_policy': 'Leaves of CPUID; no policy has MSRs.',
    'XEN_DOMCTL_set_cpu_policy': 'Leaves of CPUID; with MSRs -E2BIG.',
    'XEN_DOMCTL_settscinfo': "Modes default and never-emulate, at the host's frequency.",
    'XEN_DOMCTL_setnodeaffinity': 'There is one node, which must be in the map.',
    'XEN_DOMCTL_set_paging_mempool_size': 'Only raises.',
    'XENMEM_populate_physmap': 'extents of at most 2 MiB',
    'XENMEM_maximum_ram_page':
        'a count of frames, the same for all; needs no permission in Xen either',
    'XENMEM_remove_from_physmap': "the domain's own memory is freed, where Xen keeps it",
    'XENMEM_memory_map': "the caller's own",
    'XENMEM_set_memory_map': '-EBUSY once the domain runs',
    'XENMEM_set_pod_target': 'tells what there is; no populate-on-demand',
    'XENMEM_get_sharing_freed_pages': 'always 0',
    'XENMEM_get_sharing_shared_pages': 'always 0',
    'XENMEM_acquire_resource': 'grant tables',
    'GNTTABOP_set_version': 'Version 1 only: 2 is -ENOSYS, as with Xen\'s gnttab=max-ver:1.',
    'GNTTABOP_map_grant_ref': 'A place that maps another domain\'s memory is refused; Xen crashes the '
                              'caller. No machine address is told in dev_bus_addr.',
    'GNTTABOP_unmap_and_replace': 'With new_addr 0; else GNTST_general_error. Xen: -ENOSYS for HVM and PVH.',
    'EVTCHNOP_alloc_unbound': 'A remote domain that does not exist is -EPERM, as with FLASK in Xen.',
    'EVTCHNOP_bind_virq': 'A global VIRQ that goes to another domain is -EBUSY, as in later Xen.',
    'EVTCHNOP_expand_array': 'No more pages than the domain\'s limit of ports needs: -ENOSPC.',
    'SCHEDOP_pin_override': 'Asked for only by drivers of a firmware that no domain sees.',
    'EVTCHNOP_reset_cont': 'The hypervisor\'s own, in Xen too.',
    'HVMOP_set_pci_intx_level': 'Obsolete: dm_op.',
    'HVMOP_guest_request_vm_event': 'No introspection.', 'HVMOP_xentrace': 'No trace buffers.',
    'HVMOP_set_mem_access': 'No introspection.', 'HVMOP_get_mem_access': 'No introspection.',
    'HVMOP_set_isa_irq_level': 'Obsolete: dm_op.',
    'HVMOP_set_pci_link_route': 'Obsolete: dm_op.',
    'FLASK_USER': 'Not in Xen 4.17 either.',
    'FLASK_DISABLE': 'Policy can\'t be switched off.',
    'FLASK_MLS': 'No program asks for it.',
    'FLASK_AVC_HASHSTATS': 'The cache\'s slots are fixed, each for one entry.',
    'FLASK_GETAVC_THRESHOLD': 'The cache\'s size is fixed.',
    'FLASK_SETAVC_THRESHOLD': 'The cache\'s size is fixed.',
    'FLASK_GET_PEER_SID': 'No program asks for it.',
    'FLASK_LOAD': 'While another change of the policy is under way: starts again, unseen.',
    'BULKHEAD_FLASK_GET_OCONTEXT': 'This core\'s own (bulkhead_abi.h): the label of an interrupt, a port, '
                                   'I/O memory or a PCI device. -ENOSYS on Xen.',
    'BULKHEAD_FLASK_LABELS': 'This core\'s own: the labels that the caller may make domains with, one a '
                             'call. -ENOSYS on Xen.',
    'VMASST_TYPE_runstate_update_flag': 'The only assistance that guests without PV MMU have.',
}

# Operations that the core does not offer (-ENOSYS), by reason.
NOT_OFFERED = {
    'No domain has physical interrupts.':
        'PHYSDEVOP_irq_status_query PHYSDEVOP_eoi PHYSDEVOP_map_pirq PHYSDEVOP_unmap_pirq '
        'PHYSDEVOP_pirq_eoi_gmfn_v1 PHYSDEVOP_setup_gsi PHYSDEVOP_get_free_pirq '
        'PHYSDEVOP_pirq_eoi_gmfn_v2',
    'PV guests only.':
        'PHYSDEVOP_set_iopl PHYSDEVOP_set_iobitmap PHYSDEVOP_apic_read PHYSDEVOP_apic_write '
        'PHYSDEVOP_alloc_irq_vector PHYSDEVOP_free_irq_vector XEN_DOMCTL_set_ext_vcpucontext '
        'XEN_DOMCTL_get_ext_vcpucontext XEN_DOMCTL_setvcpuextstate XEN_DOMCTL_getvcpuextstate '
        'XEN_DOMCTL_get_vcpu_msrs XEN_DOMCTL_set_vcpu_msrs XENMEM_machphys_mfn_list '
        'XENMEM_machphys_compat_mfn_list XENMEM_machphys_mapping XENMEM_exchange',
    'The core finds PCI devices by itself.':
        'PHYSDEVOP_manage_pci_add PHYSDEVOP_manage_pci_remove PHYSDEVOP_restore_msi '
        'PHYSDEVOP_manage_pci_add_ext PHYSDEVOP_pci_mmcfg_reserved PHYSDEVOP_pci_device_add '
        'PHYSDEVOP_pci_device_remove PHYSDEVOP_restore_msi_ext PHYSDEVOP_prepare_msix '
        'PHYSDEVOP_release_msix',
    'No debug port is driven.':
        'PHYSDEVOP_dbgp_op',
    'Obsolete.':
        'PHYSDEVOP_IRQ_UNMASK_NOTIFY',
    "MTRRs are the core's.":
        'XENPF_add_memtype XENPF_del_memtype XENPF_read_memtype',
    "Microcode is the firmware's matter.":
        'XENPF_microcode_update',
    'PV control domains only.':
        'XENPF_platform_quirk',
    'CPUID tells.':
        'XENPF_get_cpu_version',
    'No domain owns firmware or its services.':
        'XENPF_efi_runtime_call XENPF_firmware_info',
    'The core does not manage frequencies or sleep states.':
        'XENPF_getidletime XENPF_change_freq XENPF_set_processor_pminfo XENPF_core_parking XEN_SYSCTL_get_pmstat '
        'XEN_SYSCTL_pm_op',
    'CPUs and memory are fixed at boot.':
        'XENPF_cpu_online XENPF_cpu_offline XENPF_cpu_hotadd XENPF_mem_hotadd',
    "No domain reads or writes the host's MSRs.":
        'XENPF_resource_op',
    'No trace buffers.':
        'XEN_SYSCTL_tbuf_op',
    'Not counted.':
        'XEN_SYSCTL_perfc_op XEN_SYSCTL_lockprof_op XEN_SYSCTL_coverage_op',
    'XENPF_settime64 does it.':
        'XENPF_settime32',
    'XEN_SYSCTL_physinfo tells.':
        'XEN_SYSCTL_availheap',
    'Only bindings of other languages ask for it.':
        'XEN_SYSCTL_getcpuinfo',
    'None: CPUID is always intercepted.':
        'XEN_SYSCTL_get_cpu_levelling_caps',
    'No save, restore or migration of guests.':
        'XEN_DOMCTL_subscribe XEN_DOMCTL_gettscinfo XEN_DOMCTL_getpageframeinfo3',
    'PV guests only; -EOPNOTSUPP in Xen.':
        'XEN_DOMCTL_set_address_size XEN_DOMCTL_get_address_size',
    'XEN_DOMCTL_set_paging_mempool_size does it; no log-dirty mode.':
        'XEN_DOMCTL_shadow_op',
    'CPUs are fixed at boot.':
        'XEN_SYSCTL_cpu_hotplug',
    'Memory is fixed at boot.':
        'XEN_SYSCTL_page_offline_op',
    'Cache and bandwidth allocation are not offered.':
        'XEN_SYSCTL_psr_cmt_op XEN_SYSCTL_psr_alloc XEN_DOMCTL_psr_cmt_op XEN_DOMCTL_psr_alloc',
    'The control domain has no PCI devices.':
        'XEN_SYSCTL_pcitopoinfo',
    "The core's code does not change.":
        'XEN_SYSCTL_livepatch_op',
    'Guest state is set by XEN_DOMCTL_sethvmcontext.':
        'XEN_DOMCTL_setvcpucontext',
    'Of the tools only xenctx asks for it.':
        'XEN_DOMCTL_gethvmcontext_partial',
    'Guests are debugged from inside.':
        'XEN_DOMCTL_setdebugging XEN_DOMCTL_debug_op XEN_DOMCTL_gdbsx_guestmemio '
        'XEN_DOMCTL_gdbsx_pausevcpu XEN_DOMCTL_gdbsx_unpausevcpu XEN_DOMCTL_gdbsx_domstatus',
    'Other architectures only.':
        'XEN_DOMCTL_real_mode_area XEN_DOMCTL_set_opt_feature XEN_DOMCTL_cacheflush '
        'XEN_DOMCTL_vuart_op',
    "Devices can't be assigned yet.":
        'XEN_DOMCTL_assign_device XEN_DOMCTL_bind_pt_irq XEN_DOMCTL_memory_mapping '
        'XEN_DOMCTL_ioport_mapping XEN_DOMCTL_test_assign_device XEN_DOMCTL_deassign_device '
        'XEN_DOMCTL_unbind_pt_irq XEN_DOMCTL_get_device_group',
    'No introspection, paging or sharing of guest memory.':
        'XEN_DOMCTL_vm_event_op XEN_DOMCTL_mem_sharing_op XEN_DOMCTL_set_access_required '
        'XEN_DOMCTL_monitor_op',
    'Debug builds of Xen only.':
        'XEN_DOMCTL_audit_p2m',
    'No machine check handling.':
        'XEN_DOMCTL_set_broken_page_p2m',
    'Guests have one node.':
        'XEN_DOMCTL_setvnumainfo',
    'A guest restarts as a new domain.':
        'XEN_DOMCTL_soft_reset',
    'No processor trace.':
        'XEN_DOMCTL_vmtrace_op',
    "No domain owns the host's memory map.":
        'XENMEM_machine_memory_map',
    'No paging of guests.':
        'XENMEM_paging_op',
    'No introspection.':
        'XENMEM_access_op',
    "No sharing of guests' memory.":
        'XENMEM_sharing_op',
    'No devices assigned yet.':
        'XENMEM_reserved_device_memory_map',
    'No virtual NUMA.':
        'XENMEM_get_vnumainfo',
}

# Hypercalls as such; those with operations are described in their own sections.
NO_PV = 'PV guests only.'
HYPERCALL_NOTES = {
    'set_trap_table': NO_PV, 'mmu_update': NO_PV, 'set_gdt': NO_PV, 'stack_switch': NO_PV,
    'set_callbacks': NO_PV, 'fpu_taskswitch': NO_PV, 'sched_op_compat': 'Before Xen 3.0.2.',
    'set_debugreg': NO_PV, 'get_debugreg': NO_PV, 'update_descriptor': NO_PV,
    'update_va_mapping': NO_PV, 'update_va_mapping_otherdomain': NO_PV, 'iret': NO_PV,
    'set_segment_base': NO_PV, 'mmuext_op': NO_PV, 'callback_op': NO_PV,
    'event_channel_op_compat': 'Before Xen 3.0.3.', 'physdev_op_compat': 'Before Xen 3.0.3.',
    'multicall': 'Each entry passes the checks of its own hypercall.',
    'kexec_op': 'The host is not replaced while it runs.',
    'xenoprof_op': 'Not in Xen 4.17 either.', 'nmi_op': NO_PV, 'tmem_op': 'Not in Xen 4.17 either.',
    'argo_op': 'Domains talk by grants and event channels.',
    'xenpmu_op': 'No performance counters for guests.',
    'dm_op': 'Not yet: there is no device model.', 'hypfs_op': 'sysctl tells what there is.',
    'physdev_op': 'No domain has physical interrupts or PCI devices.',
    'mca': 'No machine check handling.',
    'set_timer_op': 'Single-shot timer of the calling vCPU. Needs no permission.',
}
# Operations on oneself that need no permission by design, with the reason, for those who look for one.
SELF_ONLY = {
    'sched_op': 'about the caller itself', 'vcpu_op': 'about the caller itself',
    'vm_assist': 'about the caller itself',
}
UNCHECKED = {
    'EVTCHNOP_bind_virq': 'the caller\'s own port', 'EVTCHNOP_bind_ipi': 'the caller\'s own port',
    'EVTCHNOP_close': 'the caller\'s own port',
    'EVTCHNOP_bind_vcpu': 'the caller\'s own port', 'EVTCHNOP_unmask': 'the caller\'s own port',
    'EVTCHNOP_init_control': 'the caller itself', 'EVTCHNOP_expand_array': 'the caller itself',
    'EVTCHNOP_set_priority': 'the caller\'s own port',
    'GNTTABOP_swap_grant_ref': 'the caller\'s own table',
    'HVMOP_get_time': 'the caller itself', 'HVMOP_set_evtchn_upcall_vector': 'the caller itself',
    'FLASK_GETENFORCE': 'read only, as in Xen', 'FLASK_POLICYVERS': 'read only, as in Xen',
    'FLASK_GETBOOL': 'read only, as in Xen', 'FLASK_AVC_CACHESTATS': 'read only, as in Xen',
}

HEAD = '''# The ABI, operation by operation

Every hypercall and sub-operation of Xen 4.17's public headers, and what this core does with it.
`offered` means that it does what the header says, but for the note. Otherwise the column names the
error that it answers. The permissions are those of FLASK (docs/policy-reference.md), asked before
anything happens.

This page is made by `tests/unit/abi.py --write` from the core's tables; the unit test `abi` fails
when the two differ, when a number of the headers is missing, or when an operation has no permission.

Versions: Xen 4.17; domctl and sysctl interface {domctl:#x} and {sysctl:#x}, others -EACCES. Numbers
that the headers do not know are -ENOSYS.

## Differences that a caller of an offered operation can see

The test kernels (tests/guests) run on this core and on Xen 4.17 and must print the same; the checks that
may differ are in tests/differences.txt with their reasons. The notes below tell of each operation; these
concern many:

- A frame that a domain gives up is scrubbed by the core before anyone gets it. Xen leaves that to the guest.
- Only HVM and PVH domains with nested paging exist: what belongs to PV (pirqs, MMU operations, 32-bit
  toolstacks) answers an error, and XENVER_capabilities names no PV type.
- Grant tables have version 1 only.
- One NUMA node, one CPU pool, one scheduler (credit2's interface), whatever the host has.
- Control operations on domains (domctl) run one at a time; a second caller starts again, unseen.
- Counts in one call are bounded where Xen takes any: console output 64 KiB, debug keys 16.
- Page-table memory of a domain (paging pool) can be raised, not lowered.
- What FLASK denies of xen_version is answered as in Xen: "<denied>", an empty string, or zero.
- On the core's command line, dom0_max_vcpus= takes one number, and sched= and dom0= know credit2 and pvh.
- The PIT's counter 2, port 0x42, reads as zero where Xen gives ones as for any port without a device: Linux
  would read it 100,000 times at boot.
- No domain owns hardware, Dom0 included: permissions on interrupts, ports and I/O memory can't be given.
'''


def permissions(root):
    """Operation → its permissions, from the policy's list."""
    spec = importlib.util.spec_from_file_location('generate', root / 'xsm-policy/generate.py')
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    classes, _ = generate.parse(root / 'xsm-policy/access_vectors')[:2]
    found = {}
    for c in classes:
        for p in c.permissions:
            for op in p.operations:
                found.setdefault(op, []).append(f'{c.name} {p.name}')
    return found


def header_ops(header, names, without):
    """(number, name) of each operation that a header defines."""
    text = (HEADERS / header).read_text(encoding='latin-1')
    if header == 'xsm/flask_op.h':  # and the core's own
        text += (Path(__file__).parents[2] / 'xen-core/include/bulkhead_abi.h').read_text()
    ops = {}
    for name, value in re.findall(rf'^#\s*define\s+({names})\s+\(?(\d+|0x[0-9a-f]+)\b', text, re.M):
        if not (without and re.fullmatch(without, name)):
            ops.setdefault(name, int(value, 0))
    return ops


def version_of(header, name):
    text = (HEADERS / header).read_text(encoding='latin-1')
    return int(re.search(rf'#define {name}\s+(\w+)', text).group(1), 0)


def known_in_source(root, group):
    text = ''.join((root / 'xen-core' / f).read_text() for f in SOURCES[group])
    # Comments mention operations without handling them.
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    known = set(re.findall(r'\b[A-Z]+_\w+', text))
    known |= {'EVTCHNOP_' + n for n in re.findall(r'\b(?:PORT_)?OP\((\w+)[,)]', text)}
    return known


class Page:
    def __init__(self, root, dump):
        self.root, self.problems, self.out = root, [], []
        self.perms = permissions(root)
        self.tables = {}
        self.reasons = {name: why for why, names in NOT_OFFERED.items() for name in names.split()}
        for line in dump.splitlines():
            group, name, nr, hook = line.split('\t')
            self.tables.setdefault(group, {})[name] = (int(nr), hook)

    def problem(self, text):
        self.problems.append(text)

    def table_row(self, name, entry):
        hook, note = entry[1], NOTES.get(name, '')
        listed = self.perms.get(name)
        if hook not in ('act', 'none') and hook not in listed:
            self.problem(f'{name}: the table asks "{hook}", access_vectors lists {listed}')
        if hook == 'act' and not listed:
            self.problem(f'{name}: asks in its act, but access_vectors lists no permission for it')
        if hook == 'none' and not note:
            self.problem(f'{name}: needs no permission, but no note says why')
        shown = ['none'] if hook == 'none' else listed
        return 'offered', ', '.join(shown), note

    def refused_row(self, group, name, nr):
        why = self.reasons.pop(name, None)
        if not why:
            self.problem(f'{name} ({nr}) is not in the table of {group}, and nothing says why')
        return '-ENOSYS', '–', why

    def source_row(self, group, name, known):
        note = NOTES.get(name) or ''
        if REFUSED.get(name):
            return REFUSED[name][0], '–', REFUSED[name][1]
        if name not in known:
            return '-ENOSYS', '–', note
        listed = self.perms.get(name)
        if not listed and name not in UNCHECKED and group not in SELF_ONLY:
            self.problem(f'{name}: offered by {SOURCES[group]} without a permission')
        return 'offered', ', '.join(listed or ['none: ' + (
            UNCHECKED.get(name) or SELF_ONLY.get(group) or '')]), note

    def group(self, group, header, names, without):
        ops = header_ops(header, names, without)
        table = self.tables.get(group)
        self.out += ['', f'## {group}', '', '| number | operation | state | permissions | note |',
                     '|---|---|---|---|---|']
        if not ops:
            self.problem(f'{header}: no operations found')
        for name, nr in sorted(ops.items(), key=lambda item: (item[1], item[0])):
            if group not in SOURCES and name not in (table or ()):
                row = self.refused_row(group, name, nr)
            elif table is not None:
                if table[name][0] != nr:
                    self.problem(f'{name}: number {table[name][0]}, the header says {nr}')
                row = self.table_row(name, table[name])
            else:
                row = self.source_row(group, name, known_in_source(self.root, group))
            self.out.append(f'| {nr} | {name} | {row[0]} | {row[1]} | {row[2]} |')
        for name in set(table or ()) - set(ops):
            self.problem(f'{name} is in the table of {group}, but not found in {header}')

    def hypercalls(self):
        text = (self.root / 'xen-core/hypercall/hypercall.c').read_text()
        offered = set(re.findall(r'\[__HYPERVISOR_(\w+)\]', text))
        ops = {n[13:]: v for n, v in header_ops('xen.h', r'__HYPERVISOR_\w+', None).items()}
        alias = {'mca': ('arch_0',), 'flask_op': ('xsm_op',)}
        self.out += ['', '## Hypercalls', '', '| number | hypercall | state | note |', '|---|---|---|---|']
        for name, nr in sorted(ops.items(), key=lambda item: item[1]):
            note = HYPERCALL_NOTES.get(name, '')
            if name.startswith('arch_'):
                note = note or ('Machine checks.' if name == 'arch_0' else 'No such on x86.')
            state = 'offered' if name in offered else '-ENOSYS'
            if state == 'offered' and not note:
                note = 'Below.'
            if not note:
                self.problem(f'hypercall {name} ({nr}) is not offered, and nothing says why')
            self.out.append(f'| {nr} | {name} | {state} | {note} |')
        for name in offered - set(ops) - set(sum(alias.values(), ())):
            self.problem(f'hypercall {name} is offered but not in xen.h')

    def make(self):
        self.out = [HEAD.format(domctl=version_of('domctl.h', 'XEN_DOMCTL_INTERFACE_VERSION'),
                                sysctl=version_of('sysctl.h', 'XEN_SYSCTL_INTERFACE_VERSION')).rstrip()]
        self.hypercalls()
        for group in GROUPS:
            self.group(*group)
        for name in self.reasons:
            self.problem(f'NOT_OFFERED has {name}, which is offered or in no header')
        return '\n'.join(line.rstrip() for line in self.out) + '\n'


def main():
    write = '--write' in sys.argv
    root, dump = [a for a in sys.argv[1:] if a != '--write']
    root = Path(root)
    page = Page(root, subprocess.run([dump], check=True, capture_output=True, text=True).stdout)
    text = page.make()
    doc = root / 'docs/abi.md'
    if write:
        doc.write_text(text, encoding='utf-8')
    else:
        have = doc.read_text(encoding='utf-8').splitlines() if doc.exists() else []
        want = text.splitlines()
        for line in want:
            if line not in have:
                page.problem(f'docs/abi.md lacks: {line}')
        for line in have:
            if line not in want:
                page.problem(f'docs/abi.md has, and should not: {line}')
    for problem in page.problems:
        print(problem)
    sys.exit(1 if page.problems else 0)


if __name__ == '__main__':
    main()
