/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the payload of a bzImage. */
#include "builder/bzimage.h"

#include <errno.h>
#include <string.h>

#define SETUP_SECTS	0x1f1
#define BOOT_FLAG	0x1fe
#define HEADER		0x202
#define VERSION		0x206
#define PAYLOAD_OFFSET	0x248
#define PAYLOAD_LENGTH	0x24c
#define HEADER_END	0x250
#define SECTOR		512u
#define VERSION_PAYLOAD 0x0208u /* first version of the boot protocol with the payload's place */

static uint32_t le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

int bzimage_payload(const uint8_t *image, size_t size, size_t *offset, size_t *length,
		    const char **why)
{
	uint64_t start, n;
	unsigned int sectors;

	if (size < HEADER_END || memcmp(image + HEADER, "HdrS", 4) || image[BOOT_FLAG] != 0x55 ||
	    image[BOOT_FLAG + 1] != 0xaa)
		return -ENOEXEC;
	if ((image[VERSION] | image[VERSION + 1] << 8u) < (int)VERSION_PAYLOAD) {
		*why = "the kernel is too old: its boot protocol is older than 2.08";
		return -EBADMSG;
	}
	sectors = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	start = (uint64_t)(sectors + 1) * SECTOR + le32(image + PAYLOAD_OFFSET);
	n = le32(image + PAYLOAD_LENGTH);
	if (!n || start >= size || n > size - start) {
		*why = "the bzImage is cut short: its payload lies outside of the file";
		return -EBADMSG;
	}
	*offset = start;
	*length = n;
	return 0;
}
