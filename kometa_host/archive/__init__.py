"""Archives of the config tree: their names, the age identity, the chain that opens them and the gate that checks them.

Import the module that is meant (`kometa_host.archive.chain`): the package itself imports nothing, because pyrage,
zstandard and cryptography are slow to load and most runs need none of them.
"""
