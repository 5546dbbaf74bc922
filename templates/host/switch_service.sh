# shellcheck shell=bash
switch_service
