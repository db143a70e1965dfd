# SPDX-License-Identifier: BSD-2-Clause
"""What ./check is made of."""
