"""Sealing: objects are encrypted for their recipients before they leave the worker.

Two writers with one shape: `crypt4gh` (the default) and `plain` (for `seal.format: none`).
"""
