#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# REQ toolstack/3: 100 guests' load on the store, a flood from 8 guests, live updates in the middle
# of both. Guests are simulated. Time is a count of instructions here, so it decides: while the flood
# goes on, no request of another guest takes more than 5 ms of the daemon's processor time. With a
# second CPU the instructions of both would count.
# TIMEOUT: 400
# CPUS: 1
# CORES: bulkhead
# ADD: BUILD/tests/store/xenstored-fake:/root/xenstored-fake BUILD/tests/store/store-load:/root/store-load tests/store/run.sh:/root/run.sh
. /etc/bulkhead/testlib.sh

need "load and flood" sh /root/run.sh /root/xenstored-fake /root/store-load /root/xenstored-fake 2 5000
