#!/bin/sh
# /usr/libexec/collectd/network-connections.sh
# OpenWrt's configuration of collectd has a program's name, and no room for options. The interval is collectd's:
# it says 30.000, and the program takes whole seconds.
exec /usr/bin/network-connections -f collectd -i "${COLLECTD_INTERVAL%.*}"
