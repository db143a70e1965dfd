# SPDX-License-Identifier: BSD-2-Clause
"""Builds Bulkhead's platform and boots it in the emulator; ./run and ./check drive it."""
