#!/bin/sh
# "remove" is dpkg's word, 0 is rpm's; upgrades have others.
set -e
if [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -d /run/systemd/system ]; then
		systemctl disable --now otelcol-apispan.service || true
	fi
fi
