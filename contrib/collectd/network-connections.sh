#!/bin/sh
# /usr/libexec/collectd/network-connections.sh
# Runs the program at collectd's interval, because OpenWrt's configuration of
# collectd has room for a program's name only, without options.
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
exec /usr/bin/network-connections -f collectd -i "$interval"
