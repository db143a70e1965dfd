/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags of Multiboot2 information that the core reads and launcher/bridge writes. */
#pragma once

enum multiboot_tag {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_MODULE = 3,
	TAG_MMAP = 6,
	TAG_RSDP_V1 = 14,
	TAG_RSDP_V2 = 15,
};
