#!/bin/sh
# /usr/libexec/collectd/network-conntrack.sh
# Like network-connections.sh, for what the router forwards.
exec /usr/bin/network-connections --conntrack -f collectd -i "${COLLECTD_INTERVAL%.*}"
