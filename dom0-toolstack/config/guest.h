/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's configuration file: the keys of xl.cfg(5), into the description of a guest. */
#pragma once

#include "config/syntax.h"
#include "life/config.h"

/*
 * Fills *config (initialised here) from the settings. Every key is honoured or refused with the
 * reason; unknown ones are refused as well. Ends with domain_config_check(). On error *config is
 * freed, and *err begins with "source:line:".
 */
int guest_config(const struct cfg *cfg, struct domain_config *config, struct error *err);

/* CPU lists: "all", "0-3,5,^2", "none". -EINVAL. */
int cpu_list_parse(const char *text, struct cpu_set *set, bool *all);

/* Disk and network specifications of one list item. -EINVAL with a message without position. */
int disk_spec_parse(const char *text, struct disk_config *disk, struct error *err);
int vif_spec_parse(const char *text, struct vif_config *vif, struct error *err);
int pci_spec_parse(const char *text, struct pci_config *pci, struct error *err);
