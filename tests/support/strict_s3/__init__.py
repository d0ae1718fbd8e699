"""A strict S3 server for the tests: own code, no dependency, checks everything it is sent.

It takes on a `Manner`: the limits and capabilities of a provider's profile, and ways to be nasty.
"""

from tests.support.strict_s3.manner import Manner, manner_of
from tests.support.strict_s3.server import StrictS3

__all__ = ["Manner", "StrictS3", "manner_of"]
