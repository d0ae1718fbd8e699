"""The reference package logs secret keys at DEBUG: it is silenced before any test imports it."""

import logging

logging.getLogger("crypt4gh").setLevel(logging.CRITICAL + 1)
logging.getLogger("crypt4gh").propagate = False
