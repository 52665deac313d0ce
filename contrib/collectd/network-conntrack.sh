#!/bin/sh
# /usr/libexec/collectd/network-conntrack.sh
# Like network-connections.sh, for the connections that the router forwards.
#
# collectd sets an interval such as 30.000. The program takes whole seconds from
# 1 up, so this script drops the fraction, and raises less than a second to 1.
# The program rejects all that is not a number.
interval=${COLLECTD_INTERVAL:-10}
case $interval in
*[!0-9.]* | *.*.* | .) ;;
*) interval=${interval%.*} ;;
esac
case $interval in
*[!0]*) ;;
*) interval=1 ;;
esac
exec /usr/bin/network-connections --conntrack -f collectd -i "$interval"
