"""LaunchDarkly as the simulator serves it: REST API v2 for people and consoles, streaming endpoints for SDKs.

Knows flags only; that agents obey them is the world's business, which asks ``LaunchDarklyFace.capability``.
"""

from killswitch_backends.simulator.launchdarkly.accounts import READ_ONLY_TOKEN, SDK_KEY, TOKEN, sdk_key
from killswitch_backends.simulator.launchdarkly.face import LaunchDarklyFace

__all__ = ["READ_ONLY_TOKEN", "SDK_KEY", "TOKEN", "LaunchDarklyFace", "sdk_key"]
