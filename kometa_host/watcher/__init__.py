"""The program that watches Kometa's runs on a host: it is installed there with what it imports, and needs Python 3.9.

A timer of the account starts it every few minutes. Its modules import nothing but the standard library and what
kometa_host.state.watch_files installs beside them.
"""
