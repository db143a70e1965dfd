/* SPDX-License-Identifier: BSD-2-Clause */
/* Console input for the control domain. */
#ifndef CORE_CONSOLE_IO_H
#define CORE_CONSOLE_IO_H

/* Boot: input for the control domain raises VIRQ_CONSOLE. */
void console_io_init(void);

#endif
