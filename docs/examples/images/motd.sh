#!/bin/sh
echo "made from git" >/etc/motd
